"""After the tests on Docker: ends the engine that they started, if they did."""

import engine

engine.lock()  # another run starts it again when it needs it
if engine.stop_own():
    print("the tests' own engine has ended; its images stay in", engine.CACHE)
else:
    print("no engine of the tests' own")
