// Package challenge stands in for lego's.
package challenge

import "context"

type Provider interface {
	Present(ctx context.Context, domain, token, keyAuth string) error
	CleanUp(ctx context.Context, domain, token, keyAuth string) error
}

type Solvers struct{}

func (*Solvers) SetDNS01Provider(Provider, ...any) error { return nil }

func (*Solvers) SetHTTP01Provider(Provider, ...any) error { return nil }

func (*Solvers) SetTLSALPN01Provider(Provider, ...any) error { return nil }
