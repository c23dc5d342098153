"""Fitted states, held against themselves: each module knows a family of classes whose compiled code looks at no size."""
