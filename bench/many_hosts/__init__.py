"""A thousand hosts on one machine: the SSH server of the ``process`` lab, with a package that weighs nothing.

Each host has a port, a host key and a root folder of its own; its shell, flock and the like are the machine's. The lab
itself stops at some hundred hosts, as each runs an application: here no application runs, and apt and dpkg are
stand-ins of a few lines. What is measured is our own process, which sees no difference.
"""
