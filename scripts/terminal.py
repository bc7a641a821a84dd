"""What only a terminal shows of the command line: colour, prompts, Ctrl-C, closed pipes, completion.

    terminal.py PROGRAM FOLDER [FLOW]

PROGRAM is forebay, FOLDER one with data/credentials.json of a server that is at work, FLOW a flow whose run takes seconds (without
it the tests of Ctrl-C are left out). Prints one line a check; ends with 1 when one fails.
"""

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM, FOLDER = os.path.abspath(sys.argv[1]), sys.argv[2]
FLOW = sys.argv[3] if len(sys.argv) > 3 else None
HOME = tempfile.mkdtemp()
FAILED = []


def environment(**more):
    env = {name: value for name, value in os.environ.items() if not name.startswith("FOREBAY_")}
    for name in ("NO_COLOR", "COLUMNS"):
        env.pop(name, None)
    env.update(HOME=HOME, XDG_CONFIG_HOME=HOME + "/config", XDG_CACHE_HOME=HOME + "/cache", TERM="xterm-256color", **more)
    return env


def terminal(arguments, keys=(), env=None, seconds=30, width=80):
    """Runs it on a terminal. `keys` are (what to wait for, what to type then). Answers the exit code and all that was shown."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(FOLDER)
        os.execve(PROGRAM, [PROGRAM, *arguments], env or environment())
    import fcntl
    import struct
    import termios

    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    shown, keys, end = b"", list(keys), time.time() + seconds
    while time.time() < end:
        ready, _, _ = select.select([master], [], [], 0.1)
        if ready:
            try:
                chunk = os.read(master, 65536)
            except OSError:
                break
            if not chunk:
                break
            shown += chunk
        if keys and keys[0][0].encode() in shown:
            # Nobody types before a prompt is ready.
            time.sleep(0.3)
            os.write(master, keys.pop(0)[1].encode())
    else:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(master)
    code = os.waitstatus_to_exitcode(status)
    return code, shown.decode(errors="replace")


def pipe(arguments, env=None, seconds=30, stdin=""):
    done = subprocess.run([PROGRAM, *arguments], cwd=FOLDER, env=env or environment(), input=stdin, capture_output=True, text=True, timeout=seconds)
    return done.returncode, done.stdout, done.stderr


def check(what, good, told=""):
    print(("ok    " if good else "FAILED  ") + what)
    if not good:
        FAILED.append(what)
        print("    " + repr(told)[:2000])


def colours():
    code, shown = terminal(["explain"])
    check("a terminal gets colour", code == 0 and "\x1b[1m" in shown, shown)
    code, shown = terminal(["explain"], env=environment(NO_COLOR="1"))
    check("NO_COLOR is heeded", code == 0 and "\x1b[" not in shown, shown)
    code, shown = terminal(["explain", "--color", "never"])
    check("--color never is heeded", code == 0 and "\x1b[" not in shown, shown)
    code, out, _ = pipe(["explain"])
    check("a pipe gets no colour", code == 0 and "\x1b" not in out, out)
    code, out, _ = pipe(["explain", "--color", "always"])
    check("--color always is heeded", code == 0 and "\x1b[1m" in out, out)


def widths():
    for width in (60, 80, 200):
        code, shown = terminal(["connections", "list", "--color", "never"], width=width)
        lines = [line.rstrip() for line in shown.replace("\r", "").split("\n")]
        check(f"no line is wider than {width} columns", code == 0 and max(map(len, lines)) <= width, shown)


def closed_pipes():
    reader, writer = os.pipe()
    child = subprocess.Popen([PROGRAM, "explain"], cwd=FOLDER, env=environment(), stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    os.close(reader)
    _, said = child.communicate(timeout=30)
    check("a closed pipe is no failure and no panic", child.returncode == 0 and said == "", (child.returncode, said))
    child = subprocess.Popen([PROGRAM, "explain", "NOPE"], cwd=FOLDER, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    child.stderr.close()
    check("a closed stderr is no panic", child.wait(30) == 3, child.returncode)


def no_server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = environment(FOREBAY_URL=f"http://127.0.0.1:{port}")
    began = time.time()
    code, out, said = pipe(["connections", "list"], env)
    check("no server is told, with what to try", code == 1 and out == "" and "no server answers" in said and "Try: forebay serve" in said, said)
    check("no server is told soon", time.time() - began < 10)
    code, out, _ = pipe(["explain", "FLOW-1404-412"], env)
    check("explain needs no server", code == 0 and "FLOW-1404-412" in out, out)


def prompts():
    code, shown = terminal(["keys", "rotate"], [("[y/N]", "n\r")])
    check("a no changes nothing", code == 1 and "Nothing was changed" in shown, shown)
    code, out, said = pipe(["keys", "rotate"])
    check("nobody is asked in a pipe", code == 2 and "--yes" in said, said)
    code, shown = terminal(["login", "--url", "http://127.0.0.1:9", "--client-id", "x"], [("Client secret", "hunter2-secret\r")])
    check("a secret is not echoed", "hunter2" not in shown and code == 1, shown)


def interrupts():
    code, shown = terminal(["login", "--client-id", "x"], [("Server URL", "\x03")])
    # A signal, which shells tell as 130.
    check("Ctrl-C at a prompt ends it", code in (130, -signal.SIGINT), (code, shown))
    if FLOW is None:
        return
    code, shown = terminal(["run", FLOW, "--wait"], [("ingested", "\x03")])
    check("Ctrl-C detaches from a run", code == 130 and "Detached" in shown and "forebay runs wait" in shown, (code, shown))


# How each shell is started with nothing of anybody's own in it, and reads its script.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source <(forebay completion bash)"),
    "zsh": (["zsh", "-f", "-i"], "bindkey -e; autoload -Uz compinit; compinit -D -u; source <(forebay completion zsh)"),
    "fish": (["fish", "--no-config"], "forebay completion fish | source"),
}
SEEN = []


def tab(shell, line):
    """What a shell makes of a line and the Tab key. A busy machine may answer too late for a live name: it is asked again."""
    arguments, start = SHELLS[shell]
    folder = tempfile.mkdtemp()
    os.symlink(PROGRAM, folder + "/forebay")
    env = environment(PATH=folder + ":" + os.environ["PATH"])
    if shell == "fish":
        # It says itself what it would offer.
        for _ in range(3):
            done = subprocess.run([*arguments, "-c", f"{start}; complete -C '{line}'"], capture_output=True, text=True, env=env, cwd=FOLDER)
            SEEN[:] = [done.stdout, done.stderr]
            if done.stdout.strip():
                break
        head = line.rsplit(" ", 1)[0]
        return "\n".join(f"{head} {one}" for one in done.stdout.splitlines())
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(FOLDER)
        os.execvpe(arguments[0], arguments, env)

    def until(text, seconds, idle):
        """Reads until the text is there, or nothing has come for so long."""
        shown, end, last = "", time.time() + seconds, time.time()
        while time.time() < end and not (text and text in shown) and time.time() - last < idle:
            if select.select([master], [], [], 0.1)[0]:
                shown += os.read(master, 65536).decode(errors="replace")
                last = time.time()
        SEEN.append(shown)
        return shown

    SEEN.clear()
    try:
        os.write(master, f"{start}; echo rea''dy\n".encode())
        until("ready", 30, 30)
        for _ in range(3):
            os.write(master, line.encode() + b"\t")
            until(None, 30, 3)
            # The line, as it is now, is said instead of carried out.
            os.write(master, b"\x01echo :\n")
            said = re.findall(r"^:forebay [^\r\n]*", until("\n:forebay", 10, 5).replace("\r", "\n"), re.MULTILINE)
            if said and said[-1].strip() != ":" + line:
                return said[-1]
        return ""
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)


def completions():
    line = ["--", "forebay", "connections", "get", ""]
    env = environment(FOREBAY_COMPLETE="bash", _CLAP_COMPLETE_INDEX="3", _CLAP_IFS="\n", _CLAP_COMPLETE_COMP_TYPE="9", _CLAP_COMPLETE_SPACE="true")
    _, out, _ = pipe(line, env)
    _, listed, _ = pipe(["connections", "list", "-o", "jsonl"])
    names = set(re.findall(r'"name":"([^"]*)"', listed))
    check("bash completes live names", bool(names) and any(name in out for name in names), (out, names))
    for shell in ("bash", "zsh", "fish", "powershell"):
        code, out, _ = pipe(["completion", shell])
        check(f"{shell} gets its script", code == 0 and "FOREBAY_COMPLETE" in out, out)
        if shell in ("bash", "zsh", "fish") and subprocess.run(["which", shell], capture_output=True).returncode == 0:
            file = tempfile.NamedTemporaryFile("w", suffix="." + shell, delete=False)
            file.write(out)
            file.close()
            done = subprocess.run([shell, "-n", file.name], capture_output=True, text=True)
            check(f"{shell} can read it", done.returncode == 0, done.stderr)
    flow = json.loads(pipe(["flows", "list", "-o", "jsonl"])[1].splitlines()[0])["name"]
    for shell in SHELLS:
        if shutil.which(shell) is None:
            check(f"{shell} is installed", False, "run make setup")
            continue
        check(f"{shell} completes a command", "runs cancel" in tab(shell, "forebay runs canc"), SEEN)
        check(f"{shell} completes a live name", f"flows get {flow}" in tab(shell, f"forebay flows get {flow[:2]}"), SEEN)
    # A server that takes calls and answers none.
    mute = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=lambda: [mute.accept() for _ in range(9)], daemon=True).start()
    env["FOREBAY_URL"] = f"http://127.0.0.1:{mute.getsockname()[1]}"
    env["XDG_CACHE_HOME"] = tempfile.mkdtemp()
    began = time.time()
    pipe(line, env)
    check("a mute server does not hang the shell", time.time() - began < 2.5, time.time() - began)


for part in (colours, widths, closed_pipes, no_server, prompts, interrupts, completions):
    part()
sys.exit(1 if FAILED else 0)
