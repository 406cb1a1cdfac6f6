"""Reads subunit from standard input and prints each test that has ended as one line of JSON."""
import json
import sys

import subunit
from testtools import StreamToDict


def told(test):
    details = {name: content.as_text() for name, content in test['details'].items() if name in ('reason', 'traceback')}
    line = {'id': test['id'], 'status': test['status'], 'reason': details.get('reason') or details.get('traceback') or ''}
    begun, ended = test['timestamps']
    line['seconds'] = round((ended - begun).total_seconds(), 3) if begun and ended else 0
    print(json.dumps(line), flush=True)


result = StreamToDict(told)
result.startTestRun()
subunit.ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name='stdout').run(result)
result.stopTestRun()
