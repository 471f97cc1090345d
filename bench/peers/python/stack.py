"""What the former hub was made of, as fast as it goes: hl7apy reads and writes messages, xmlschema validates.

    stack.py parse MESSAGE SECONDS         reads PID-3.1, writes PID-8, and makes text of it again
    stack.py validate XSD XML SECONDS      validates a message that is XML already

Prints the message as it is written, or "valid", then a line break and times a second.
"""

import sys
import time


def parser(file):
    from hl7apy.parser import parse_message

    text = open(file, newline="", encoding="utf-8").read()

    def once():
        message = parse_message(text, find_groups=False)
        if message.pid.pid_3.pid_3_1.to_er7() == "":
            raise ValueError("PID-3.1 was not read")
        message.pid.pid_8 = "U"
        return message.to_er7()

    return once


def validator(xsd, xml):
    import xmlschema

    schema = xmlschema.XMLSchema(xsd)
    text = open(xml, encoding="utf-8").read()

    def once():
        schema.validate(text)
        return "valid"

    return once


what, *parameters, seconds = sys.argv[1:]
once = {"parse": parser, "validate": validator}[what](*parameters)
once()
began = time.perf_counter()
times = 0
while time.perf_counter() - began < float(seconds):
    result = once()
    times += 1
rate = times / (time.perf_counter() - began)
sys.stdout.write(f"{once()}\n{rate}\n")
