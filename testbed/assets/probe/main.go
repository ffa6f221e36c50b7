// Command probe is the one program of the test bed's own images. In a pod it shows what really reached the container
// (environment, arguments, files, as exact bytes), tries the addresses it was given, and plays the API, the worker and
// the frontend of the demo. As `probe pause` it is PID 1 of a sandbox.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

const usage = `usage: probe [serve]          answer on $PORT, the first of $HTTP_PORTS, or 8080
       probe worker           try every address of the environment again and again
       probe env [FILE...]    print arguments, environment and files as JSON
       probe tcp HOST:PORT    exit 0 when it can be dialled
       probe check            exit 0 when every address of the environment can be dialled
       probe pause            reap children until SIGTERM`

func main() {
	command, rest := "serve", []string{}
	if len(os.Args) > 1 {
		command, rest = os.Args[1], os.Args[2:]
	}
	switch {
	case command == "pause":
		pause()
	case command == "serve":
		serve()
	case command == "worker":
		worker()
	case command == "env":
		printJSON(facts(rest))
	case command == "check":
		results := checks()
		printJSON(results)
		if !allOK(results) {
			os.Exit(1)
		}
	case command == "tcp" && len(rest) == 1:
		if err := dial(rest[0]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println("ok")
	default:
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
}

// pause keeps namespaces open, reaps orphans and leaves on SIGTERM.
func pause() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}

// Facts is what reached the container. All bytes are base64, because JSON text cannot hold every byte.
type Facts struct {
	Hostname string            `json:"hostname"`
	UID      int               `json:"uid"`
	GID      int               `json:"gid"`
	Args     []string          `json:"args"`
	Env      map[string]string `json:"env"`
	Files    map[string]string `json:"files"`
	Errors   map[string]string `json:"errors,omitempty"`
}

func facts(files []string) Facts {
	b64 := base64.StdEncoding.EncodeToString
	f := Facts{UID: os.Getuid(), GID: os.Getgid(), Args: []string{}, Env: map[string]string{}, Files: map[string]string{}, Errors: map[string]string{}}
	f.Hostname, _ = os.Hostname()
	for _, a := range os.Args {
		f.Args = append(f.Args, b64([]byte(a)))
	}
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		f.Env[name] = b64([]byte(value))
	}
	files = append(files, strings.FieldsFunc(os.Getenv("PROBE_FILES"), func(r rune) bool { return r == ':' })...)
	for _, path := range files {
		if content, err := os.ReadFile(path); err != nil {
			f.Errors[path] = err.Error()
		} else {
			f.Files[path] = b64(content)
		}
	}
	return f
}

// Result is one address of the environment and whether it answered. It never holds the value, which may hold a secret.
type Result struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	OK      bool   `json:"ok"`
	Status  int    `json:"status,omitempty"`
	Error   string `json:"error,omitempty"`
	Millis  int64  `json:"ms"`
}

var defaultPorts = map[string]string{
	"http": "80", "https": "443", "redis": "6379", "rediss": "6379", "postgres": "5432", "postgresql": "5432",
	"amqp": "5672", "amqps": "5671", "mongodb": "27017", "mysql": "3306", "nats": "4222", "grpc": "80",
}

var hostPort = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?):([0-9]{1,5})(,|$)`)

// target finds the host and port in a URL or connection string; base is the URL when it can be asked by HTTP.
func target(value string) (address, base string) {
	if u, err := url.Parse(value); err == nil && u.Host != "" && u.Scheme != "" {
		port := u.Port()
		if port == "" {
			port = defaultPorts[u.Scheme]
		}
		if port == "" {
			return "", ""
		}
		if u.Scheme == "http" {
			base = u.String()
		}
		return net.JoinHostPort(u.Hostname(), port), base
	}
	if m := hostPort.FindStringSubmatch(value); m != nil { // redis: host:port,password=...
		return m[1] + ":" + m[3], ""
	}
	if !strings.Contains(value, "=") {
		return "", ""
	}
	parts := map[string]string{} // Host=...;Port=...   Server=host,port   Endpoint=http://...
	for _, part := range strings.Split(value, ";") {
		key, v, _ := strings.Cut(part, "=")
		parts[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(v)
	}
	if endpoint := parts["endpoint"]; endpoint != "" {
		return target(endpoint)
	}
	host, port, fallback := parts["host"], parts["port"], "5432"
	if host == "" {
		host, fallback = strings.TrimPrefix(parts["server"], "tcp:"), "1433"
		if h, p, found := strings.Cut(host, ","); found {
			host, port = h, p
		}
	}
	if port == "" {
		port = fallback
	}
	if host == "" || strings.ContainsAny(host, " /\\{}") {
		return "", ""
	}
	return net.JoinHostPort(host, port), ""
}

// skipped tells the variables that Kubernetes adds for every Service, and addresses to listen on.
func skipped(name, address string) bool {
	host, _, _ := net.SplitHostPort(address)
	switch host {
	case "", "+", "*", "0.0.0.0", "::", "localhost", "127.0.0.1":
		return true
	}
	return strings.HasPrefix(name, "KUBERNETES_") || strings.HasSuffix(name, "_PORT") || strings.Contains(name, "_PORT_")
}

func dial(address string) error {
	c, err := net.DialTimeout("tcp", address, 3*time.Second)
	if err == nil {
		c.Close()
	}
	return err
}

func checks() []Result {
	results := []Result{}
	bases := []string{}
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		address, base := target(value)
		if address != "" && !skipped(name, address) {
			results, bases = append(results, Result{Name: name, Address: address}), append(bases, base)
		}
	}
	var all sync.WaitGroup
	for i := range results {
		all.Add(1)
		go func() {
			defer all.Done()
			r, start := &results[i], time.Now()
			if err := dial(r.Address); err != nil {
				r.Error = err.Error()
			} else {
				r.OK = true
				r.Status = ask(bases[i])
			}
			r.Millis = time.Since(start).Milliseconds()
		}()
	}
	all.Wait()
	sort.Slice(results, func(i, j int) bool { return results[i].Name < results[j].Name })
	return results
}

// ask returns the status of an HTTP request for information; 0 when there was no answer.
func ask(base string) int {
	if base == "" {
		return 0
	}
	client := http.Client{Timeout: 3 * time.Second}
	answer, err := client.Get(strings.TrimSuffix(base, "/") + "/alive")
	if err != nil {
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}

func allOK(results []Result) bool {
	for _, r := range results {
		if !r.OK {
			return false
		}
	}
	return true
}

func serve() {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			page(w)
		} else {
			answer(w, http.StatusOK, facts(r.URL.Query()["file"]))
		}
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, facts(r.URL.Query()["file"]))
	})
	mux.HandleFunc("/check", func(w http.ResponseWriter, _ *http.Request) {
		results := checks()
		status := http.StatusOK
		if !allOK(results) {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, results)
	})
	mux.HandleFunc("/tcp", func(w http.ResponseWriter, r *http.Request) {
		if err := dial(r.URL.Query().Get("addr")); err != nil {
			http.Error(w, "fail: "+err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	for _, path := range []string{"/alive", "/health", "/healthz"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	}
	server := &http.Server{Addr: ":" + port(), Handler: mux}
	go func() {
		<-ended()
		limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(limit)
		os.Exit(0)
	}()
	say("listening on %s", server.Addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		say("%v", err)
		os.Exit(1)
	}
	select {}
}

func port() string {
	if p := os.Getenv("PORT"); p != "" {
		return p
	}
	if p := strings.FieldsFunc(os.Getenv("HTTP_PORTS"), func(r rune) bool { return r == ';' || r == ',' || r == ' ' }); len(p) > 0 {
		return p[0]
	}
	return "8080"
}

func page(w http.ResponseWriter) {
	name := os.Getenv("OTEL_SERVICE_NAME")
	if name == "" {
		name, _ = os.Hostname()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><title>%[1]s</title><h1>%[1]s</h1><p><a href=\"/env\">environment</a> <a href=\"/check\">checks</a></p><table>", html.EscapeString(name))
	for _, r := range checks() {
		state := "ok"
		if !r.OK {
			state = "failed: " + r.Error
		} else if r.Status != 0 {
			state = fmt.Sprintf("ok, HTTP %d", r.Status)
		}
		fmt.Fprintf(w, "<tr><td>%s<td>%s<td>%s\n", html.EscapeString(r.Name), html.EscapeString(r.Address), html.EscapeString(state))
	}
	fmt.Fprint(w, "</table>")
}

func worker() {
	stop := ended()
	tick := time.NewTicker(5 * time.Second)
	say("worker started")
	for {
		for _, r := range checks() {
			if r.OK {
				say("%s: %s ok (%d ms)", r.Name, r.Address, r.Millis)
			} else {
				say("%s: %s failed: %s", r.Name, r.Address, r.Error)
			}
		}
		select {
		case <-stop:
			say("worker stopped")
			return
		case <-tick.C:
		}
	}
}

// ended is closed on SIGTERM; as PID 1 a program is not ended by it without asking.
func ended() <-chan struct{} {
	signals, stop := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() { <-signals; close(stop) }()
	return stop
}

func say(format string, args ...any) {
	fmt.Printf("%s %s\n", time.Now().UTC().Format(time.RFC3339), fmt.Sprintf(format, args...))
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func printJSON(value any) { _ = json.NewEncoder(os.Stdout).Encode(value) }
