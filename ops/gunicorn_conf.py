"""gunicorn: threads, because live pages are streams that mostly sleep (docs/adr/0001)."""

import sys

from kernel.errors import ConfigurationError
from kernel.settings import load_settings

try:
    _settings = load_settings()
except ConfigurationError as exc:
    sys.exit(f"web: {exc}")  # one line; gunicorn would print a traceback

bind = f"{_settings.bind_address}:{_settings.web_port}"
worker_class = "gthread"
# One process on SQLite, whose writes go through one lock in the process; more only on PostgreSQL.
workers = 1
threads = _settings.web_threads
worker_connections = 2000
preload_app = False  # threads and connections are made after the fork
timeout = 60
graceful_timeout = 5
keepalive = 15
accesslog = None  # the product logs turns and actions itself, with personal data masked
errorlog = "-"
loglevel = "warning"
