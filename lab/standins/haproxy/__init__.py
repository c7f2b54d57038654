"""A stand-in for HAProxy: proxies HTTP for real, checks health, and answers the runtime API of HAProxy 2.6.

It reads the lab's own ``haproxy.cfg`` (lab/balancer.py) and knows just the directives that stand there.
"""
