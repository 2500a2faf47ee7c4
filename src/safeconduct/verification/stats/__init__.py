# SPDX-License-Identifier: Apache-2.0
"""Anytime-valid statistics of verdicts: e-processes, confidence sequences, intervals, exact error rates.

Standard library only; no clock, no network, no chance. Every test here is a nonnegative supermartingale under its
whole null hypothesis, so Ville's inequality bounds its error under any stopping time: looking after every call is
allowed. `exact` computes the error rates and the expected calls by dynamic programming, without simulation.
"""
