"""The report of one call: `/call-report/call/{callId}`, beside the program-execution reports."""
