"""The Transfer Score, validators, accuracy estimates and distances: did adaptation help?"""
