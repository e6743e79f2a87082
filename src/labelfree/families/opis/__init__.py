"""OPIS: is one decision threshold fair to every group?"""
