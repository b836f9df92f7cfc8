"""Real telephony: SIPp places calls through Kamailio, which publishes them (deploy/kamailio)."""
