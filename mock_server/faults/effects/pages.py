"""Pages that Salesforce's edge shows in place of an answer: HTML, whatever the client asked for."""

from __future__ import annotations

HTML = "text/html;charset=UTF-8"

PAGES: dict[str, str] = {
    "maintenance": """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<title>Scheduled Maintenance | Salesforce</title>
<meta name="robots" content="noindex,nofollow">
</head>
<body>
<div id="maintenance">
<h1>We are down for maintenance.</h1>
<p>Sorry for the inconvenience. We'll be back shortly.</p>
<p>For details about this maintenance, see <a href="https://status.salesforce.com">status.salesforce.com</a>.</p>
</div>
</body>
</html>
""",
    "too_busy": """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<title>Server Too Busy</title>
</head>
<body>
<h1>Server too busy</h1>
<p>The server is too busy to handle your request. Please try again in a few moments.</p>
</body>
</html>
""",
}
