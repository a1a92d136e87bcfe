"""After the tests on Docker: ends the engine that they started, if they did."""

import engine

if engine.stop_own():
    engine.remove_bridge()
    print("the tests' own engine has ended; its images stay in", engine.CACHE)
else:
    print("no engine of the tests' own")
