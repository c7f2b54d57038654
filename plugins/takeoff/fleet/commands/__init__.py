"""Every command that Takeoff runs on hosts, as a value; the texts are POSIX sh, and what varies is an argument."""
