"""Simulations: does an interval hold the truth as often as it says?"""
