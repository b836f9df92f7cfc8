"""What people ask: pure arithmetic from rows to answers (reports.md).

One module a question, named like its `.sql` file and its route: `main_report`, `call_history`,
`breakdown`, `node_stats`, `billing`. Each declares the rows that the query gives, the answer that
leaves, and the function between them. What they share stands apart: `arithmetic` (rates, money),
`executions` (status, times), `pause_windows`, `published_flows` (graph order, node types).
"""
