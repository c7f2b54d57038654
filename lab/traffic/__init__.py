"""Users of a lab: a steady stream of requests that shows every failure, because nothing in it is tried twice."""
