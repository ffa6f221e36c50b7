// The path lets it import the internal packages of cert-manager, whose own commands are in no published module.
module github.com/cert-manager/cert-manager/testbed

go 1.26.0

require github.com/cert-manager/cert-manager v1.21.2
