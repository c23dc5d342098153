"""The processes of a server: workers and their states, throwaway children, walls around them, and how they end."""
