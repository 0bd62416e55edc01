"""The processes of speed.py, one for every library."""

import contextlib
import json
import sys
import threading

import peers

ENVIRONMENTS = {'deepexplain2': None, 'compiled': None, 'zennit': 'captum'}  # of those without their own
ENVIRONMENT = {'PYTHONPATH': str(peers.HERE.parent), 'TF_CPP_MIN_LOG_LEVEL': '3',
               # torch: waiting threads let go of a core that another process has taken; costs nothing where
               # none has
               'GOMP_SPINCOUNT': '3000'}


def interpreter(name):
    """The Python of a side; its environment is made if need be."""
    environment = ENVIRONMENTS.get(name, name)
    return sys.executable if environment is None else peers.environment(environment)


class Mode:
    """What a run may take, in seconds. together: the repetitions of all sides. long: a call that warms up no
    more than once. slow: the repetitions of one side. longest: a call of ours that is measured. answer: until
    a process is ended."""

    def __init__(self, quick):
        self.name = 'quick' if quick else 'full'
        self.together, self.long, self.slow, self.longest, self.answer = (.4, 3, 2, 1,
                                                                          60) if quick else (2.5, 4, 20, 25,
                                                                                             300)


class Side:
    """A worker."""

    def __init__(self, name, folder, log, mode):
        self.name, self.folder, self.log, self.mode = name, folder, log, mode
        self.start()

    def start(self):
        self.process = peers.start(interpreter(self.name), 'speed_sides.py', self.name, self.folder,
                                   stderr=self.log, environment=ENVIRONMENT)

    def answer(self, seconds=300):
        """The next answer; an error where it does not come in time or the process ends."""
        timer = threading.Timer(seconds, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        late = not timer.is_alive()
        timer.cancel()
        return json.loads(line) if line else {'error': f'no answer within {seconds} s' if late
                                              else 'the process ended', 'ended': True}

    def ask(self, do, **request):
        """The answer to a request; a process that ends is started again."""
        with contextlib.suppress(BrokenPipeError):              # it has ended: no answer will say so
            print(json.dumps({'do': do, **request}), file=self.process.stdin, flush=True)
        found = self.answer(self.mode.answer)
        if found.pop('ended', False):
            self.stop()
            self.start()
            self.answer()
        return found

    def stop(self):
        self.process.kill()
        self.process.communicate()
