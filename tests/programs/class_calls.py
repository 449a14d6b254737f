"""Stands in an __init__() whose class is called where the interpreter expects that by now; runs on 3.6."""

import json
import time


class Patient:
    def __init__(self, ready):
        if ready:
            print(json.dumps({}), flush=True)
            time.sleep(3600)


def call_often():
    for number in range(2001):
        Patient(number == 2000)


call_often()
