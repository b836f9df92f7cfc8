"""List of a campaign's executions: the two items that are printed, and 348 older ones."""

from tests.seed_documents import event

CAMPAIGN_ID = "42"
PATH = f"/api/v1/campaigns/{CAMPAIGN_ID}/executions"

_OLDER = [
    event(
        "call.initiated",
        str(999 - number),
        "2024-02-15T14:00:00Z",
        {"from": "+15550001234", "to": "+15550000000", "programId": CAMPAIGN_ID},
        executionid="spring",
    )
    for number in range(348)
]
EVENTS = [
    *_OLDER,
    event(
        "contact.updated",
        "101",
        "2024-02-14T09:00:00Z",
        {"firstName": "John", "lastName": "Smith", "phone": "+15551234567"},
    ),
    event(
        "contact.enrolled",
        "102",
        "2024-02-14T09:00:00Z",
        {"name": "Jane Doe", "phone": "+15559876543"},
        executionid="spring",
    ),
    event(
        "call.initiated",
        "1001",
        "2024-02-15T14:29:30Z",
        {
            "contactId": "101",
            "from": "+15550001234",
            "to": "+15551234567",
            "providerCallId": "CA123abc456def789ghi",
            "programId": CAMPAIGN_ID,
            "welcomeMessage": "Hi John, this is Sarah from Acme Healthcare.",
            "variables": {"name": "John Smith", "appointment_date": "February 15th"},
        },
        executionid="spring",
    ),
    event(
        "call.ended",
        "1001",
        "2024-02-15T14:30:20Z",
        {"outcome": "completed", "durationMs": 45_000},
    ),
    event(
        "call.analyzed",
        "1001",
        "2024-02-15T14:32:00Z",
        {"voiceAnalytics": {"sentiment_score": 0.85}},
    ),
    event(
        "call.initiated",
        "1000",
        "2024-02-15T14:28:45Z",
        {
            "contactId": "102",
            "from": "+15550001234",
            "to": "+15559876543",
            "providerCallId": "CA789ghi012jkl345mno",
            "programId": CAMPAIGN_ID,
        },
        executionid="spring",
    ),
    event(
        "call.ended",
        "1000",
        "2024-02-15T14:29:15Z",
        {
            "outcome": "no_answer",
            "error": "No answer after 30 seconds",
            "retryReason": "Will retry in 30 minutes",
        },
    ),
]

#: The first two of the 50 items that the first page holds.
EXAMPLE = {
    "executions": [
        {
            "id": 1001,
            "execution_id": 1001,
            "contact_id": 101,
            "contact_name": "John Smith",
            "contact_phone": "+15551234567",
            "status": "completed",
            "call_id": "CA123abc456def789ghi",
            "sms_id": None,
            "executed_at": "2024-02-15T14:29:30Z",
            "execution_data": {
                "from_number": "+15550001234",
                "to_number": "+15551234567",
                "personalized_welcome_message": "Hi John, this is Sarah from Acme Healthcare.",
                "template_variables_used": {
                    "name": "John Smith",
                    "appointment_date": "February 15th",
                },
                "duration_seconds": 45,
                "voice_analytics": {"sentiment_score": 0.85},
            },
        },
        {
            "id": 1000,
            "execution_id": 1000,
            "contact_id": 102,
            "contact_name": "Jane Doe",
            "contact_phone": "+15559876543",
            "status": "no_answer",
            "call_id": "CA789ghi012jkl345mno",
            "sms_id": None,
            "executed_at": "2024-02-15T14:28:45Z",
            "execution_data": {
                "from_number": "+15550001234",
                "to_number": "+15559876543",
                "error_details": "No answer after 30 seconds",
                "retry_reason": "Will retry in 30 minutes",
            },
        },
    ],
    "pagination": {
        "page": 1,
        "per_page": 50,
        "total_items": 350,
        "total_pages": 7,
        "has_next": True,
        "has_prev": False,
    },
}
