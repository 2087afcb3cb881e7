"""How true an effect is: coverage, false claims and errors over seeds, classes and loads of several kinds."""
