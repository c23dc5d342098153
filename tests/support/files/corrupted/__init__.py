"""Models of which one array or number lies, loaded and asked with their memory fenced in.

Each must be refused, answer, or raise. Compiled code that believes a lie reads or writes beyond an array and meets the
fence; its process then ends by a signal, which is the fault that this looks for.
"""
