"""What a server logs as lines of JSON, for journals and dashboards: `bassnet serve --json-log`.

Flow: cli -> log_lines -> logging.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone


class JsonLines(logging.Formatter):
    """One object a line: time (UTC), level, message, and the event's own `extra={"fields": ...}`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; never more than one, whatever the message holds."""
        told = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        return json.dumps(told, ensure_ascii=True)
