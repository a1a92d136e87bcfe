"""Each module measures one kind of work: run(bench) returns its figures."""
