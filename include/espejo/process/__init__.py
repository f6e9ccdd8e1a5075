"""Process: work in a child process, and the memory and time that it takes."""
