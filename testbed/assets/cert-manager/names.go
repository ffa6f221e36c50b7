package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"k8s.io/client-go/rest"
)

// The key that updates are signed with.
const (
	tsigName   = "testbed."
	tsigSecret = "dGVzdGJlZC10c2lnLXNlY3JldA=="
)

// names answers for every zone: each top-level domain is one.
type names struct {
	sync.Mutex
	texts map[string][]string
}

// runNames serves names by UDP and TCP.
func runNames(context.Context, *rest.Config) error {
	ended, handler := make(chan error), &names{texts: map[string][]string{}}
	for _, network := range []string{"udp", "tcp"} {
		server := dns.Server{
			Addr: fmt.Sprintf("%s:%d", *address, *port), Net: network, Handler: handler,
			TsigSecret: map[string]string{tsigName: tsigSecret},
			// By itself it takes no updates.
			MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept },
		}
		go func() { ended <- server.ListenAndServe() }()
	}
	return <-ended
}

func (n *names) ServeDNS(w dns.ResponseWriter, asked *dns.Msg) {
	n.Lock()
	defer n.Unlock()
	answer := new(dns.Msg).SetReply(asked)
	answer.Authoritative, answer.RecursionAvailable = true, true
	if asked.Opcode == dns.OpcodeUpdate {
		n.update(w, asked, answer)
	} else {
		for _, question := range asked.Question {
			n.answer(question, answer)
		}
	}
	w.WriteMsg(answer)
}

func (n *names) update(w dns.ResponseWriter, asked, answer *dns.Msg) {
	signature := asked.IsTsig()
	if signature == nil || w.TsigStatus() != nil {
		answer.Rcode = dns.RcodeNotAuth
		return
	}
	for _, record := range asked.Ns {
		header, name := record.Header(), strings.ToLower(record.Header().Name)
		text, isText := record.(*dns.TXT)
		switch {
		case header.Class == dns.ClassINET && isText:
			n.texts[name] = append(n.texts[name], strings.Join(text.Txt, ""))
		case header.Class == dns.ClassNONE && isText:
			gone := strings.Join(text.Txt, "")
			n.texts[name] = slices.DeleteFunc(n.texts[name], func(one string) bool { return one == gone })
		case header.Class == dns.ClassANY:
			delete(n.texts, name)
		}
	}
	answer.SetTsig(signature.Hdr.Name, signature.Algorithm, 300, time.Now().Unix())
}

func (n *names) answer(question dns.Question, answer *dns.Msg) {
	header := dns.RR_Header{Name: question.Name, Rrtype: question.Qtype, Class: dns.ClassINET, Ttl: 1}
	switch question.Qtype {
	case dns.TypeA:
		answer.Answer = append(answer.Answer, &dns.A{Hdr: header, A: net.IPv4(127, 0, 0, 1)})
	case dns.TypeTXT:
		for _, text := range n.texts[strings.ToLower(question.Name)] {
			answer.Answer = append(answer.Answer, &dns.TXT{Hdr: header, Txt: []string{text}})
		}
	case dns.TypeSOA:
		if dns.CountLabel(question.Name) > 1 {
			answer.Rcode = dns.RcodeNameError
			return
		}
		answer.Answer = append(answer.Answer, &dns.SOA{
			Hdr: header, Ns: "ns." + question.Name, Mbox: "root." + question.Name, Serial: 1, Refresh: 1, Retry: 1, Expire: 1, Minttl: 1,
		})
	}
}
