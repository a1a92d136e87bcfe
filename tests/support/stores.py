"""The store of a test's history: a file in the test's folder, or, where
FLIXTUBE_STORE is postgresql, a database in the place of that file. Tests name the
store, and ask it by SQL that both have.
"""

import atexit
import csv
import functools
import io
import os
import shutil
import sqlite3

from support.postgres import shared_postgres, statement

# Of claims about ETags and answers that are kept.
OTHERS_WRITE = "another service may change any list at any time, so none has a version"
# Of claims about commands that ask the service which has the file open.
BESIDE = "a command works on the database itself, beside whichever services"

_databases = {}  # by the path of the file in whose place each is
_left_out = []


def on_postgres():
    return os.environ.get("FLIXTUBE_STORE") == "postgresql"


def store_in(folder, name="history.db"):
    """What HISTORY_DB is for it; the same for the same folder and name."""
    path = os.path.join(folder, name)
    if not on_postgres():
        return path
    if path not in _databases:
        _databases[path] = shared_postgres().add_database()
    return _databases[path]


def remove_stores_in(folder):
    """Files go with their folder."""
    for path in [path for path in _databases if os.path.dirname(path) == folder]:
        shared_postgres().remove_database(_databases.pop(path))


@atexit.register
def _remove_all():
    for path in list(_databases):
        shared_postgres().remove_database(_databases.pop(path))


def is_database(store):
    return store.startswith("postgresql://")


def is_there(store):
    """Whether anybody has made it: a file, or our tables in the database."""
    if not is_database(store):
        return os.path.exists(store)
    return ask(store, "SELECT to_regclass('views') IS NOT NULL") == [["t"]]


# --- what is done to a store that no service has open ---------------------------

def lose_store(store):
    """As a disk that is gone: what lies beside a file stays."""
    if is_database(store):
        shared_postgres().empty_database(store)
        return
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(store + suffix):
            os.remove(store + suffix)


def copy_store(store, copy):
    """The copy as well is one of store_in(); what it had is gone."""
    if is_database(store):
        shared_postgres().copy_database(store, copy)
        return
    lose_store(copy)
    shutil.copy(store, copy)


# --- by SQL -----------------------------------------------------------------------

def ask(store, sql):
    """The rows, each a list of texts; what is absent is ''."""
    return list(each(store, sql))


def each(store, sql):
    """The same one by one, where they are many."""
    if is_database(store):
        yield from csv.reader(io.StringIO(statement(store, sql, "--csv")))
        return
    file = sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=30)
    try:
        for row in file.execute(sql):
            yield ["" if value is None else str(value) for value in row]
    finally:
        file.close()


def change(store, *statements):
    """Past every service, by hand."""
    if is_database(store):
        statement(store, "; ".join(statements))
        return
    file = sqlite3.connect(store)
    with file:
        for sql in statements:
            file.execute(sql)
    file.close()


def id_in(store, event):
    """A view's id as that store's SQL writes it."""
    return f"'{event}'" if is_database(store) else f"x'{str(event).replace('-', '')}'"


def id_text(store):
    """In SQL: the id of a row."""
    return "id" if is_database(store) else "hex(id)"


def rows_of(store):
    """What all rows say, by id, whatever the order and time of arrival."""
    session, trace = (("session_id", "encode(trace, 'hex')") if is_database(store)
                      else ("hex(session_id)", "hex(trace)"))
    return ask(store, f"SELECT {id_text(store)}, user_id, video_id, video_path, viewed_at_ms,"
               f" position_ms, duration_ms, {session}, rule, flags, {trace}"
               " FROM views ORDER BY id")


# --- what only a store in a file has ------------------------------------------------

def left_out(why):
    """True on PostgreSQL: what follows is not so there. It is told at the end."""
    if on_postgres():
        _left_out.append(why)
    return on_postgres()


def of_files(why):
    """Before a claim that is left out on PostgreSQL."""

    def mark(claim):
        @functools.wraps(claim)
        def run(self):
            if left_out(f"{claim.__name__}: {why}"):
                self.skipTest(why)
            claim(self)

        return run

    return mark


@atexit.register
def _tell_what_was_left_out():
    if _left_out:
        print(f"left out on PostgreSQL, {len(_left_out)} times:")
        for why in sorted(set(_left_out)):
            print(f"  {_left_out.count(why):>3} {why}")
