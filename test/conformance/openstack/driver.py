"""Runs commands of the openstack client, unmodified, in one process: a start for each would cost more than what it does.

Reads one JSON list of arguments per line, and answers with one line of JSON: exit code, output, errors, seconds.
"""
import contextlib
import io
import json
import logging
import sys
import time

from openstackclient import shell
from openstackclient.common import clientmanager
from osc_lib.clientmanager import ClientCache

ANSWERS = sys.stdout

def forget():
    """Clients of services are kept for the life of the process: the next command may log in as somebody else."""
    for kind in clientmanager.ClientManager.__mro__:
        for name, cached in vars(kind).items():
            # The one for volumes cannot be made twice, and there is no such service.
            if isinstance(cached, ClientCache) and name != 'volume':
                cached._handle = None
    # Each run of the shell adds handlers that write to the streams of its own command.
    logging.getLogger().handlers.clear()


for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    begun = time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = shell.main(json.loads(line))
        except SystemExit as end:
            code = end.code
    forget()
    answer = {'code': code or 0, 'stdout': out.getvalue(), 'stderr': err.getvalue(), 'seconds': time.monotonic() - begun}
    print(json.dumps(answer), file=ANSWERS, flush=True)
