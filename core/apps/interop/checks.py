"""What the suites share. A suite prints "client NAME VERSION" once, then a line for each check: "ok NAME",
"not ok NAME: why" or "skip NAME: why"; it leaves with 0 if none failed."""

import subprocess
import sys
import time

PATIENCE_S = 30
failures = 0


class Skipped(Exception):
    """This check cannot be made with this client; the text says why."""


def client(name, version):
    print(f"client {name} {version}", flush=True)


def check(name, function, *arguments):
    global failures
    try:
        function(*arguments)
        print(f"ok {name}", flush=True)
    except Skipped as why:
        print(f"skip {name}: {why}", flush=True)
    except Exception as error:  # noqa: BLE001: whatever it was, it is this check's failure
        failures += 1
        text = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"not ok {name}: {text[:1500]}", flush=True)


def same(what, wanted, got):
    if wanted != got:
        raise AssertionError(f"{what}: wanted {shorten(wanted)}, got {shorten(got)}")


def holds(what, condition):
    if not condition:
        raise AssertionError(what)


def shorten(value):
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}... ({len(text)} characters)"


def has_codec(codec):
    """Whether kafka-python found its library for a codec; only gzip is Python's own."""
    import kafka.codec  # pylint: disable=import-outside-toplevel

    return codec == "none" or getattr(kafka.codec, f"has_{codec}")()


def needs_codec(codec):
    if not has_codec(codec):
        raise Skipped(f"kafka-python has no library for {codec} (python3-{'zstandard' if codec == 'zstd' else codec})")


def run(command, stdin=b"", status=0, timeout=120):
    """Both outputs of a command that leaves with `status` (None: any)."""
    done = subprocess.run(
        command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False
    )
    if status is not None and done.returncode != status:
        raise AssertionError(f"left with {done.returncode}: {tail(done.stdout)} {tail(done.stderr)}")
    return done.stdout, done.stderr


def tail(output):
    return output[-600:].decode(errors="replace")


def until(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}")
        time.sleep(0.05)


def leave():
    sys.exit(1 if failures else 0)
