"""The HTTP edge of the contract: CloudEvents in, stream entries out (events.md, "Over HTTP").

A request passes `edge` (metrics), `events_route`, `authentication`, `request_body` (limits),
`event_request` (media types), `admission` (the contract, event by event) and `event_writer`
(Redis). Whatever stands in its way is a `Refusal`, answered as problem+json by `problems`.
"""
