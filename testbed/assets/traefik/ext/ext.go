// Package ext is empty in the open-source Traefik.
package ext

type HTTP struct{}

type Router struct{}
