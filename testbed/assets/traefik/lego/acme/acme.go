// Package acme stands in for lego's.
package acme

type Account struct{}

type ExtendedAccount struct {
	Account
	Location string
}
