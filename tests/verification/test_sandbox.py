# SPDX-License-Identifier: Apache-2.0
"""The sandbox with real boxes: escapes fail, weakened boxes are noticed, limits bind, nothing survives."""

import asyncio
import contextlib
import os
import secrets
import shutil
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rfc8785

import safeconduct
from safeconduct.domain.bundle import Limits
from safeconduct.errors import SandboxError, TargetError
from safeconduct.verification.sandbox import BoxResult, CheckResult, Sandbox, require_sound, self_check, summary
from safeconduct.verification.sandbox.box import BOX_UID, MAX_OUTPUT, _system_folders
from safeconduct.verification.sandbox.seccomp import filter_program
from safeconduct.verification.sandbox.selfcheck import _uid_of

NEW_ENOUGH = "import sys; assert sys.version_info >= (3, 11)"
LIMITS = Limits(memory_bytes=512 << 20, processes=16, file_bytes=1 << 20, cpu_seconds=10, wall_seconds=20.0)


def run(source: str, *, stdin: bytes = b"", limits: Limits = LIMITS, packages: tuple[Path, ...] = ()) -> BoxResult:
    return asyncio.run(Sandbox.find().run(source, stdin=stdin, limits=limits, packages=packages))


def processes_with(token: str) -> list[int]:
    """Return the processes of the host whose command line holds the token."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if token.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def wait_until_gone(token: str) -> list[int]:
    """Wait a while for the processes to end, and return those that have not."""
    for _ in range(100):
        if not processes_with(token):
            return []
        time.sleep(0.05)
    return processes_with(token)


def weakened(tmp_path: Path, *, without: str = "", added: str = "") -> Sandbox:
    """Return a sandbox whose bubblewrap leaves out one argument or gets some more."""
    script = tmp_path / "bwrap"
    script.write_text(
        "#!/usr/bin/python3\n"
        "import os, sys\n"
        f"without, added = {without.split()!r}, {added.split()!r}\n"
        "arguments = sys.argv[1:]\n"
        "for at in range(len(arguments)):\n"
        "    if without and arguments[at:at + len(without)] == without:\n"
        "        del arguments[at:at + len(without)]\n"
        "        break\n"
        "cut = arguments.index('--')\n"
        "os.execv('/usr/bin/bwrap', ['bwrap', *arguments[:cut], *added, *arguments[cut:]])\n"
    )
    script.chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    return Sandbox(bubblewrap=str(script))


def failed(results: tuple[CheckResult, ...]) -> set[str]:
    return {result.name for result in results if not result.passed}


def test_every_escape_attempt_fails() -> None:
    results = self_check(Sandbox.find())

    require_sound(results)
    assert failed(results) == set()
    assert len(results) >= 43
    told = summary(results)
    assert (told["attempts"], told["failed"]) == (len(results), [])


def python_for_all() -> str:
    """Return an interpreter that every user can start, if this one is where only the superuser can walk."""
    for path in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run(
                [path, "-I", "-c", NEW_ENOUGH], user=64555, group=64555, extra_groups=[], cwd="/", check=True
            )
            return path
    pytest.skip("no Python 3.11 is where another user can start it")


def test_every_escape_attempt_fails_for_another_user_too(tmp_path: Path) -> None:
    """As the superuser, the same check is made as an ordinary user; as a user it was made by the test above."""
    if os.geteuid() != 0:
        pytest.skip("only the superuser can become another user; the other test has checked this one")
    source = tmp_path / "source"
    shutil.copytree(Path(rfc8785.__file__).parent, source / "rfc8785")
    shutil.copytree(Path(safeconduct.__file__).parent, source / "safeconduct", ignore=shutil.ignore_patterns("server"))
    for path in (source, *source.rglob("*"), *tmp_path.parents[:-1], tmp_path):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    program = (
        f"import sys; sys.path.insert(0, {str(source)!r})\n"
        "from safeconduct.verification.sandbox import Sandbox, self_check\n"
        "results = self_check(Sandbox.find())\n"
        "print(len(results), [result for result in results if not result.passed])\n"
    )

    done = subprocess.run(
        [python_for_all(), "-I", "-B", "-c", program],
        user=64555,
        group=64555,
        extra_groups=[],
        env={},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split(maxsplit=1)[1] == "[]\n"


def test_the_superuser_s_boxes_run_under_an_unprivileged_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("only the superuser drops to another user")

    async def uids() -> str:
        box = await Sandbox.find().open("while True: print(input(), flush=True)", limits=LIMITS)
        try:
            await box.ask(b"x")
            return await asyncio.to_thread(Path(f"/proc/{box.pid}/status").read_text)
        finally:
            await box.close()

    assert asyncio.run(uids()).split("Uid:")[1].split()[:4] == [str(BOX_UID)] * 4


def test_a_superuser_that_does_not_drop_gets_no_box() -> None:
    if os.geteuid() != 0:
        pytest.skip("only the superuser drops to another user")

    with pytest.raises(SandboxError, match="could not be made"):
        self_check(Sandbox(bubblewrap="/usr/bin/bwrap", uid=0))


@pytest.mark.parametrize(
    ("without", "added", "noticed"),
    [
        ("", "--share-net", {"host_loopback", "abstract_socket"}),
        ("", "--ro-bind /etc /etc", {"secrets_of_host", "root_of_first_process"}),
        ("--remount-ro /dev", "", {"read_only_dev"}),
        ("--remount-ro / ", "", {"read_only_root"}),
        ("--disable-userns", "", {"nested_user_namespace"}),
        ("--clearenv", "--setenv TOKEN value", {"environment"}),
        ("--uid 65534", "--uid 1000", {"identity"}),
    ],
)
def test_a_weakened_box_is_noticed(tmp_path: Path, without: str, added: str, noticed: set[str]) -> None:
    results = self_check(weakened(tmp_path, without=without, added=added))

    assert failed(results) & noticed
    with pytest.raises(SandboxError, match="did not hold"):
        require_sound(results)


def test_a_box_without_the_filter_is_noticed(tmp_path: Path) -> None:
    sandbox = weakened(tmp_path)
    script = Path(sandbox.bubblewrap)
    script.write_text(
        script.read_text().replace("cut = ", "at = arguments.index('--seccomp')\ndel arguments[at:at + 2]\ncut = ")
    )

    assert failed(self_check(sandbox)) >= {"identity", "first_process", "sockets", "io_uring", "kernel_programs"}


def test_a_box_whose_user_cannot_be_told_counts_as_the_superuser_s() -> None:
    assert _uid_of(-1) == 0
    assert _uid_of(os.getpid()) == os.getuid()


def test_nothing_checked_is_not_sound() -> None:
    with pytest.raises(SandboxError):
        require_sound(())


def test_a_missing_bubblewrap_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(SandboxError) as caught:
        Sandbox.find(path=str(tmp_path))

    assert "apt-get install bubblewrap" in caught.value.hint


def test_another_system_has_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(SandboxError, match="Linux"):
        Sandbox.find()


def test_a_bubblewrap_that_cannot_start_is_an_error_with_its_reason() -> None:
    with pytest.raises(SandboxError) as caught:
        asyncio.run(Sandbox(bubblewrap="/nowhere/bwrap").run("", stdin=b"", limits=LIMITS))

    assert "FileNotFoundError" in caught.value.hint


def test_probes_that_break_are_not_a_pass(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="the self-check broke"):
        self_check(weakened(tmp_path, without="--ro-bind /usr /usr"))


def test_code_that_is_too_long_to_be_sent_is_an_error() -> None:
    with pytest.raises(SandboxError, match="could not be started"):
        run("#" * 4_000_000)


def test_systems_with_and_without_a_merged_usr_are_shown_alike(tmp_path: Path) -> None:
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "lib").mkdir()

    assert _system_folders(tmp_path) == ["--symlink", "usr/bin", "/bin", "--ro-bind", f"{tmp_path}/lib", "/lib"]


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(SandboxError) as caught:
        run("", packages=(Path("/nowhere/packages"),))

    assert caught.value.facts == {"folder": "packages"}


def test_a_folder_that_the_box_cannot_read_is_named(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("a user's boxes read what the user reads")
    tmp_path.chmod(0o700)

    with pytest.raises(SandboxError, match="cannot read"):
        run("", packages=(tmp_path,))


def test_code_gets_its_input_and_gives_its_output_and_status() -> None:
    result = run("import sys; print(sys.stdin.read().upper()); sys.exit(3)", stdin=b"hello")

    assert result == BoxResult(status=3, output=b"HELLO\n", complaint="", timed_out=False)


def test_folders_are_shown_even_where_only_the_superuser_can_walk(tmp_path: Path) -> None:
    shown = tmp_path / "packages"
    shown.mkdir()
    (shown / "greeting.py").write_text("WORD = 'hello'")
    tmp_path.chmod(0o700)

    result = run(
        "import sys; sys.path.insert(0, '/packages/0'); import greeting; print(greeting.WORD)", packages=(shown,)
    )

    assert result.output == b"hello\n", result.complaint


def test_an_interpreter_outside_of_usr_is_shown_to_the_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    unneeded = shutil.ignore_patterns("site-packages", "dist-packages", "test", "tests", "config-*", "__pycache__")
    shutil.copytree(Path(os.__file__).parent, home / "lib" / version, ignore=unneeded)
    for library in (Path(sys.base_prefix) / "lib").glob("libpython3*"):
        shutil.copy(library, home / "lib" / library.name)
    (home / "bin").mkdir()
    shutil.copy(Path(sys._base_executable).resolve(), home / "bin" / version)
    monkeypatch.setattr(sys, "_base_executable", str(home / "bin" / version))
    monkeypatch.setattr(sys, "base_prefix", str(home))

    result = run("import sys, json; print(sys.executable, sys.prefix)")

    assert result.output == f"/python/bin/{version} /python\n".encode(), result.complaint


def test_a_box_that_does_not_end_is_ended_with_all_its_children() -> None:
    token = f"token-{secrets.token_hex(8)}"
    source = (
        f"import os, time  # {token}\n"
        "for _ in range(5):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        time.sleep(600)\n"
        "while True:\n"
        "    time.sleep(0.01)\n"
    )

    result = run(source, limits=Limits(wall_seconds=0.7))

    assert result.timed_out
    assert result.status < 0
    assert wait_until_gone(token) == []


def test_a_box_ends_with_the_verifier_that_started_it() -> None:
    token = f"token-{secrets.token_hex(8)}"
    program = (
        "import asyncio\n"
        "from safeconduct.domain.bundle import Limits\n"
        "from safeconduct.verification.sandbox import Sandbox\n"
        "async def main():\n"
        f"    source = 'import sys, time  # {token}\\nprint(1, flush=True)\\ntime.sleep(600)'\n"
        "    box = await Sandbox.find().open(source, limits=Limits())\n"
        "    print(await box.ask(b''), flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert processes_with(token)
        parent.kill()

    assert wait_until_gone(token) == []


def test_output_without_end_is_cut() -> None:
    result = run("import sys\nwhile True:\n    sys.stdout.write('x' * 65536)")

    assert result.output == b"x" * MAX_OUTPUT


def test_a_complaint_is_short_and_cannot_move_the_terminal() -> None:
    result = run("import sys; sys.stderr.write('\\x1b[2J' + 'y' * 100000); sys.exit(1)")

    assert len(result.complaint) <= 300
    assert "\x1b" not in result.complaint


def test_memory_is_bounded() -> None:
    result = run("x = bytearray(1 << 30)")

    assert result.status == 1
    assert "MemoryError" in result.complaint


def test_files_are_bounded() -> None:
    source = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nopen('/tmp/x', 'wb').write(bytes(2 << 20))"

    assert "File too large" in run(source).complaint


def test_processor_time_is_bounded() -> None:
    result = run("while True: pass", limits=Limits(cpu_seconds=1, wall_seconds=30.0))

    assert not result.timed_out
    assert result.status != 0


def test_a_box_that_ended_says_so_when_asked() -> None:
    async def ask() -> None:
        box = await Sandbox.find().open("raise SystemExit", limits=LIMITS)
        try:
            for _ in range(50):
                await box.ask(b"x" * 100_000)
        finally:
            await box.close()

    with pytest.raises(TargetError, match="the code in the box"):
        asyncio.run(ask())


def test_a_box_that_is_closed_cannot_be_asked() -> None:
    async def ask() -> None:
        box = await Sandbox.find().open("import sys; print(sys.stdin.readline())", limits=LIMITS)
        await box.close(grace_seconds=0.0)
        await box.ask(b"x")

    with pytest.raises(TargetError, match="broke off"):
        asyncio.run(ask())


def test_a_line_without_end_is_refused() -> None:
    async def ask() -> None:
        box = await Sandbox.find().open("import sys\nwhile True: sys.stdout.write('x' * 65536)", limits=LIMITS)
        try:
            await box.ask(b"x")
        finally:
            await box.close()

    with pytest.raises(TargetError, match="broke off"):
        asyncio.run(ask())


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_whole_instructions_that_jump_inside_it(machine: str) -> None:
    program = filter_program(machine)
    steps = [struct.unpack("<HBBI", program[at : at + 8]) for at in range(0, len(program), 8)]

    for at, (code, then, otherwise, _) in enumerate(steps):
        if code & 7 == 5:
            assert at + 1 + max(then, otherwise) < len(steps)
    assert steps[-1] == (0x06, 0, 0, 0x7FFF0000)


def test_another_processor_has_no_filter() -> None:
    with pytest.raises(SandboxError, match="processor"):
        filter_program("pdp11")


def test_the_launcher_is_not_executable_by_accident() -> None:
    """It takes orders on its command line, so nothing may make it privileged."""
    from safeconduct.verification.sandbox import launcher

    mode = Path(launcher.__file__).stat().st_mode
    assert not mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IXUSR)
