"""What a firewall's text does with a packet, read from the text alone.

Written apart from the compilers, so that each can show the other wrong. A text that says something
an evaluator does not know is refused with the line: never passed over.
"""
