"""The rebuild loop on a small real CMake project: real files, real builds,
real processes. Each test is a claim about what a developer sees."""
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time
import unittest

RELOAD = pathlib.Path(os.environ["FLIXTUBE_BIN"]) / "reload"
WAIT_S = 20  # far more than a build takes; only a failure waits so long

CMAKELISTS = """cmake_minimum_required(VERSION 3.16)
project(greet LANGUAGES C)
add_executable(greet main.c words.c)
"""
MAIN = r"""#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "words.h"
static void stop(int number) { (void)number; _exit(0); }
int main(int argc, char **argv)
{
    signal(SIGTERM, stop);
    printf("greet says %s to %s as %d\n", words(), argv[argc - 1], (int)getpid());
    fflush(stdout);
    for (;;)
        pause();
}
"""
STUBBORN = MAIN.replace("signal(SIGTERM, stop)", "signal(SIGTERM, SIG_IGN)")


def words_file(text):
    return f'#include "words.h"\nconst char *words(void) {{ return "{text}"; }}\n'


class Project:
    """A project in a folder of its own, and a reload that watches it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="reload_live_"))
        self.source = self.folder / "source"
        self.build = self.folder / "build"
        self.source.mkdir()
        self.write("CMakeLists.txt", CMAKELISTS)
        self.write("main.c", MAIN)
        self.write("words.h", "const char *words(void);\n")
        self.write("words.c", words_file("hello"))
        # Read at each build, and outside of what is watched.
        self.before_build = self.folder / "before_build"
        self.before_build.write_text("")
        self.process = None
        self.lines = []
        self.news = threading.Condition()

    def write(self, name, text):
        (self.source / name).write_text(text)

    def replace(self, name, text):
        """Saves as editors do: another file, renamed over the old one."""
        other = self.source / f".{name}.swp"
        other.write_text(text)
        other.rename(self.source / name)

    def command(self, *options):
        return [str(RELOAD), "--watch", str(self.source), *options, "--build",
                f". {self.before_build}; test -f {self.build}/build.ninja || "
                f"cmake -S {self.source} -B {self.build} -G Ninja && "
                f"ninja -C {self.build}",
                "--run", str(self.build / "greet"), "world"]

    def start(self, *options, before=()):
        self.process = subprocess.Popen(
            [*before, *self.command(*options)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)
        threading.Thread(target=self.read, daemon=True).start()
        return self

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()

    def wait_for(self, pattern, since=0, wait_s=WAIT_S):
        """The match in the first line from number `since` on that has one."""
        deadline = time.monotonic() + wait_s
        with self.news:
            while True:
                for line in self.lines[since:]:
                    match = re.search(pattern, line)
                    if match:
                        return match
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(
                        f"no line with '{pattern}' in:\n" + "\n".join(self.lines))
                self.news.wait(left)

    def mark(self):
        with self.news:
            return len(self.lines)

    def pid_of(self, words, since=0):
        return int(self.wait_for(f"greet says {words} to world as (\\d+)",
                                 since).group(1))

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)

    def remove(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process:
            self.process.stdout.close()
        shutil.rmtree(self.folder)


def runs(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
    except OSError:
        return False
    return state.split()[0] != "Z"


def wait_until(holds, what):
    deadline = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"never: {what}")
        time.sleep(0.01)


class RebuildLoop(unittest.TestCase):
    def setUp(self):
        self.project = Project()
        self.addCleanup(self.project.remove)

    def test_a_save_replaces_the_program_within_two_seconds(self):
        project = self.project.start()
        old = project.pid_of("hello")
        times = []
        for number in range(10):
            mark = project.mark()
            saved = time.monotonic()
            project.write("words.c", words_file(f"hello{number}"))
            new = project.pid_of(f"hello{number}", mark)
            times.append(time.monotonic() - saved)
            self.assertFalse(runs(old), "two at once")
            old = new
        print(f"save to running, of ten: median {statistics.median(times):.2f} s,"
              f" worst {max(times):.2f} s", flush=True)
        self.assertLess(statistics.median(times), 2)
        self.assertEqual(project.stop(), 0)

    def test_a_compile_error_is_shown_with_its_line_and_the_old_one_goes_on(self):
        project = self.project.start()
        old = project.pid_of("hello")
        project.write("words.c", words_file("x") + "int broken(\n")
        project.wait_for(r"words\.c:\d+:\d+: error")
        project.wait_for("the build failed")
        self.assertTrue(runs(old))
        mark = project.mark()
        project.write("words.c", words_file("mended"))
        self.assertNotEqual(project.pid_of("mended", mark), old)

    def test_taking_an_error_back_restarts_nothing(self):
        project = self.project.start()
        old = project.pid_of("hello")
        project.write("words.c", "int broken(\n")
        project.wait_for("the build failed")
        project.write("words.c", words_file("hello"))
        project.wait_for("greet is the same as before")
        self.assertTrue(runs(old))

    def test_an_editors_rename_save_is_seen(self):
        project = self.project.start()
        project.pid_of("hello")
        project.replace("words.c", words_file("renamed"))
        project.pid_of("renamed")

    def test_a_changed_header_rebuilds_what_includes_it(self):
        project = self.project.start()
        project.pid_of("hello")
        mark = project.mark()
        project.write("words.h", "#define words other_words\n"
                                 "const char *words(void);\n")
        project.pid_of("hello", mark)

    def test_a_new_file_and_a_changed_cmakelists_are_built(self):
        project = self.project.start()
        project.pid_of("hello")
        project.write("more.c", 'const char *more(void);\n'
                                'const char *more(void) { return "more"; }\n')
        project.write("words.c", 'const char *more(void);\n'
                                 'const char *words(void) { return more(); }\n')
        project.wait_for("the build failed")  # more.c is in no list yet
        project.replace("CMakeLists.txt",
                        CMAKELISTS.replace("words.c", "words.c more.c"))
        project.pid_of("more")

    def test_a_renamed_file_is_built_under_its_new_name(self):
        project = self.project.start()
        project.pid_of("hello")
        project.write("words.c", words_file("moved"))
        (project.source / "words.c").rename(project.source / "speech.c")
        project.write("CMakeLists.txt", CMAKELISTS.replace("words.c", "speech.c"))
        project.pid_of("moved")

    def test_a_deleted_file_fails_the_build_and_the_old_one_goes_on(self):
        project = self.project.start()
        old = project.pid_of("hello")
        (project.source / "words.c").unlink()
        project.wait_for("the build failed")
        self.assertTrue(runs(old))
        project.write("words.c", words_file("back"))
        project.pid_of("back")

    def test_a_file_that_comes_and_goes_builds_nothing(self):
        project = self.project.start("--settle-ms", "1000")
        project.pid_of("hello")
        mark = project.mark()
        project.write("4913", "")
        project.wait_for("changed: .*4913", mark)
        (project.source / "4913").unlink()
        project.wait_for("all is as it was", mark)
        self.assertFalse([line for line in project.lines[mark:]
                          if "built in" in line])

    def test_saves_during_a_build_queue_one_more(self):
        project = self.project.start()
        project.pid_of("hello")
        gate = project.folder / "gate"
        project.before_build.write_text(
            f"echo building; while test -e {gate}; do sleep 0.02; done")
        gate.write_text("")
        mark = project.mark()
        project.write("words.c", words_file("one"))
        project.wait_for("building", mark)
        for text in ("two", "three"):
            seen = project.mark()
            project.write("words.c", words_file(text))
            project.wait_for("changed: ", seen)
        gate.unlink()
        project.pid_of("three", mark)
        begun = [line for line in project.lines[mark:] if line == "building"]
        self.assertEqual(len(begun), 2)

    def test_a_crash_is_followed_by_a_rest_and_a_start(self):
        project = self.project.start()
        old = project.pid_of("hello")
        mark = project.mark()
        os.kill(old, signal.SIGSEGV)
        project.wait_for(r"greet ended by itself: killed by signal 11", mark)
        project.wait_for(r"or in 0\.5 s", mark)
        second = project.pid_of("hello", mark)
        mark = project.mark()
        os.kill(second, signal.SIGSEGV)
        project.wait_for(r"or in 1\.0 s", mark)

    def test_a_good_build_ends_the_rest(self):
        project = self.project
        project.write("main.c", "int main(void) { return 7; }\n")
        project.start()
        project.wait_for(r"exit code 7")
        project.wait_for(r"or in 4\.0 s")
        began = time.monotonic()
        project.write("main.c", MAIN)
        project.pid_of("hello")
        self.assertLess(time.monotonic() - began, 3.5)

    def test_a_crash_while_the_sources_are_broken_restarts_the_last_good_one(self):
        project = self.project.start()
        old = project.pid_of("hello")
        (project.source / "words.c").unlink()
        project.wait_for("the build failed")
        (project.build / "greet").unlink()
        mark = project.mark()
        os.kill(old, signal.SIGKILL)
        project.pid_of("hello", mark)

    def test_one_that_ignores_the_request_to_end_is_killed(self):
        project = self.project
        project.write("main.c", STUBBORN)
        project.start("--grace-ms", "300")
        old = project.pid_of("hello")
        project.write("words.c", words_file("next"))
        new = project.pid_of("next")
        project.wait_for(r"did not end within 0\.3 s: killed")
        self.assertFalse(runs(old))
        self.assertEqual(project.stop(), 1)
        self.assertFalse(runs(new))

    def test_each_signal_to_stop_ends_the_program_and_then_itself(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            project = Project()
            self.addCleanup(project.remove)
            pid = project.start().pid_of("hello")
            self.assertEqual(project.stop(number), 0)
            self.assertFalse(runs(pid))

    def test_a_stop_during_a_build_ends_the_build(self):
        project = self.project
        note = project.folder / "build_pid"
        project.before_build.write_text(f"echo $$ > {note}; sleep 600")
        project.start()
        wait_until(lambda: note.exists() and note.read_text().strip(), "a build")
        began = time.monotonic()
        self.assertEqual(project.stop(), 0)
        self.assertLess(time.monotonic() - began, 5)
        self.assertFalse(runs(int(note.read_text())))

    def test_a_build_that_takes_too_long_has_failed(self):
        project = self.project
        project.before_build.write_text("sleep 600")
        project.start("--build-timeout-ms", "300")
        project.wait_for(r"the build takes more than 0\.3 s: ended")
        project.wait_for("the build failed")
        project.before_build.write_text("")
        project.process.send_signal(signal.SIGTERM)
        self.assertEqual(project.process.wait(WAIT_S), 0)

    def test_its_own_death_ends_the_program(self):
        project = self.project.start()
        pid = project.pid_of("hello")
        project.process.kill()
        wait_until(lambda: not runs(pid), "the program ends")

    def test_as_process_1_it_reaps_orphans_and_takes_signals(self):
        own_pids = ["unshare", "--map-root-user", "--pid", "--fork",
                    "--mount-proc", "--kill-child"]
        if subprocess.run([*own_pids, "true"], capture_output=True).returncode:
            self.skipTest("no pid namespace to be had here")
        project = self.project
        project.write("main.c", MAIN.replace(
            "    for (;;)",
            "    if (fork() == 0) { if (fork() == 0) { sleep(1); _exit(3); }"
            " _exit(0); }\n    for (;;)"))
        project.start(before=own_pids)
        project.pid_of("hello")
        children = pathlib.Path(f"/proc/{project.process.pid}/task/"
                                f"{project.process.pid}/children")
        first = int(children.read_text())

        def states():
            found = []
            for child in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    fields = (child / "stat").read_text().rsplit(")", 1)[1]
                except OSError:
                    continue
                if int(fields.split()[1]) == first:
                    found.append(fields.split()[0])
            return found

        wait_until(lambda: len(states()) == 2, "service and orphan are ours")
        # The service's own child, which it never reaps, is not ours to reap.
        wait_until(lambda: states() == ["S"], "the orphan is reaped")
        os.kill(first, signal.SIGTERM)
        self.assertEqual(project.process.wait(WAIT_S), 0)

    def test_what_cannot_start_says_so_by_its_exit_code(self):
        missing = subprocess.run(
            [RELOAD, "--watch", "/nowhere/at/all", "--build", "true", "--run",
             "true"], capture_output=True, text=True)
        self.assertEqual(missing.returncode, 3)
        self.assertIn("/nowhere/at/all", missing.stderr)
        usage = subprocess.run([RELOAD, "--nonsense"], capture_output=True,
                               text=True)
        self.assertEqual(usage.returncode, 2)
        self.assertIn("--nonsense", usage.stderr)
        shown = subprocess.run([RELOAD, "--help"], capture_output=True,
                               text=True)
        self.assertEqual(shown.returncode, 0)
        self.assertIn("--watch", shown.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
