module testbed/probe

go 1.24
