"""The servers of a `real` lab, as Debian packages them, each as files for the disk of the node that runs it."""
