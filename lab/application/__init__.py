"""The package that a lab deploys: a small application with a database, in versions whose schemas really differ."""
