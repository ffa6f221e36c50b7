// Runs the three parts of cert-manager as processes against a test bed: `controller`, `cainjector` and `webhook`; and a
// name server that takes updates, `names`, for what they ask of the DNS.
//
// The commands of cert-manager are in modules that are not published; its packages are. Everything that these parts do
// is done by the packages. What is different from its own commands: nobody elects a leader, nothing is served but on
// one address, a part waits for what it needs (kinds, a namespace), and it starts over when they come or go. One that
// fails starts over like the container of a pod.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	apiext "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	kscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	apireg "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/cert-manager/cert-manager/internal/apis/config/shared"
	webhookconfig "github.com/cert-manager/cert-manager/internal/apis/config/webhook"
	cmwebhook "github.com/cert-manager/cert-manager/internal/webhook"
	cmscheme "github.com/cert-manager/cert-manager/pkg/api"
	"github.com/cert-manager/cert-manager/pkg/controller"
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmechallenges"
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmeorders"
	"github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	shimgateway "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/gateways"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/ingresses"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/acme"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/vault"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/vault"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	cmadmission "github.com/cert-manager/cert-manager/pkg/webhook/admission"
)

// The packages below define flags of their own.
var flags = flag.NewFlagSet("cert-manager", flag.ExitOnError)

var (
	kubeconfig = flags.String("kubeconfig", "", "the cluster")
	namespace  = flags.String("namespace", "cert-manager", "where cert-manager is installed, and keeps the secrets of cluster issuers")
	service    = flags.String("service", "cert-manager-webhook", "the service of the webhook")
	address    = flags.String("address", "127.0.0.1", "where a part listens")
	nameserver = flags.String("nameserver", "", "who the controller asks about names")
	port       = flags.Int("port", 0, "where the webhook, or the health of another part, is served")
)

// How often a part looks for what it waits for.
const pause = 200 * time.Millisecond

func main() {
	klog.InitFlags(flags)
	parts := map[string]func(context.Context, *rest.Config) error{
		"controller": runController, "cainjector": runCAInjector, "webhook": runWebhook, "names": runNames,
	}
	if len(os.Args) < 2 || parts[os.Args[1]] == nil {
		log.Fatal("usage: cert-manager controller|cainjector|webhook|names --kubeconfig FILE [--namespace N] [--port N]")
	}
	flags.Parse(os.Args[2:])
	ctrl.SetLogger(klog.Background())
	cluster, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err == nil {
		cluster.QPS, cluster.Burst = -1, -1
		ctx := logf.NewContext(context.Background(), klog.Background(), os.Args[1])
		err = parts[os.Args[1]](ctx, cluster)
	}
	startOver(fmt.Sprintf("%s ended: %v", os.Args[1], err))
}

// startOver is what the kubelet does when a container ends. What it needs may have gone while it started.
func startOver(why string) {
	klog.Infof("starting over: %s", why)
	time.Sleep(5 * pause)
	log.Fatal(syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
}

// healthy says that the part has started.
func healthy() {
	go func() {
		handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
		log.Fatal(http.ListenAndServe(fmt.Sprintf("%s:%d", *address, *port), handler))
	}()
}

// served tells whether the cluster serves all of these kinds (group/version/resource), and none of them is about to go: one
// that is deleted is served until its objects are gone.
func served(ctx context.Context, cluster kubernetes.Interface, kinds ...string) bool {
	client := cluster.Discovery()
	for _, kind := range kinds {
		at := strings.LastIndex(kind, "/")
		group, _, _ := strings.Cut(kind, "/")
		if there := identity(ctx, cluster, kindsPath+kind[at+1:]+"."+group); there == "" || there == "unknown" {
			return false
		}
		list, err := client.ServerResourcesForGroupVersion(kind[:at])
		if err != nil {
			return false
		}
		found := false
		for _, resource := range list.APIResources {
			found = found || resource.Name == kind[at+1:]
		}
		if !found {
			return false
		}
	}
	return true
}

func waitFor(what string, there func() bool) {
	for !there() {
		klog.V(2).Infof("waiting for %s", what)
		time.Sleep(pause)
	}
}

const (
	kindsPath    = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
	certificates = "certificates.cert-manager.io"
)

// identity tells an object from a later one at the same path; empty while it is not there, or is about to go.
func identity(ctx context.Context, client kubernetes.Interface, path string) string {
	body, err := client.Discovery().RESTClient().Get().AbsPath(path).DoRaw(ctx)
	if apierrors.IsNotFound(err) {
		return ""
	}
	var object metav1.PartialObjectMetadata
	if err != nil || json.Unmarshal(body, &object) != nil {
		return "unknown"
	}
	if object.DeletionTimestamp != nil {
		return ""
	}
	return string(object.UID)
}

// startOverWithout starts this process over when one of these objects comes or goes or is another: a pod would go with
// them, and what was kept of them is of no use.
func startOverWithout(ctx context.Context, client kubernetes.Interface, paths ...string) {
	for _, path := range paths {
		first := identity(ctx, client, path)
		go func() {
			for {
				time.Sleep(5 * pause)
				switch now := identity(ctx, client, path); {
				case now == "unknown":
				case first == "unknown":
					first = now
				case now != first:
					startOver(path + " came or went")
				}
			}
		}()
	}
}

func runController(ctx context.Context, cluster *rest.Config) error {
	client, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		return err
	}
	healthy()
	waitFor("its kinds", func() bool {
		return served(ctx, client, "cert-manager.io/v1/certificates", "cert-manager.io/v1/certificaterequests",
			"cert-manager.io/v1/issuers", "cert-manager.io/v1/clusterissuers",
			"acme.cert-manager.io/v1/orders", "acme.cert-manager.io/v1/challenges")
	})
	gateways, httpRoutes := kindsPath+"gateways.gateway.networking.k8s.io", kindsPath+"httproutes.gateway.networking.k8s.io"
	startOverWithout(ctx, client, kindsPath+certificates, gateways, httpRoutes)
	withRoutes := identity(ctx, client, gateways) != "" && identity(ctx, client, httpRoutes) != ""
	if withRoutes {
		waitFor("the kinds of routes", func() bool {
			return served(ctx, client, "gateway.networking.k8s.io/v1/gateways", "gateway.networking.k8s.io/v1/httproutes")
		})
	}
	// What the controller has when nobody configures it; its own defaults are in a package that needs the client of
	// Venafi, which is not to be had.
	quantity := resource.MustParse
	factory, err := controller.NewContextFactory(ctx, controller.ContextOptions{
		Kubeconfig:    *kubeconfig,
		IssuerOptions: controller.IssuerOptions{ClusterResourceNamespace: *namespace, ClusterIssuerAmbientCredentials: true},
		ACMEOptions: controller.ACMEOptions{
			HTTP01SolverImage:                 "quay.io/jetstack/cert-manager-acmesolver:testbed",
			HTTP01SolverResourceRequestCPU:    quantity("10m"),
			HTTP01SolverResourceRequestMemory: quantity("64Mi"),
			HTTP01SolverResourceLimitsCPU:     quantity("100m"),
			HTTP01SolverResourceLimitsMemory:  quantity("64Mi"),
			ACMEHTTP01SolverRunAsNonRoot:      true,
			DNS01CheckRetryPeriod:             10 * time.Second,
			// It has what the world would see, so nobody else is asked.
			DNS01Nameservers:        []string{*nameserver},
			DNS01CheckAuthoritative: false,
		},
		IngressShimOptions: controller.IngressShimOptions{
			DefaultIssuerKind:                 "Issuer",
			DefaultIssuerGroup:                "cert-manager.io",
			DefaultAutoCertificateAnnotations: []string{"kubernetes.io/tls-acme"},
		},
		CertificateOptions: controller.CertificateOptions{
			CopiedAnnotationPrefixes:                 []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"},
			CertificateRequestMinimumBackoffDuration: time.Hour,
			CertificateRequestMaximumBackoffDuration: 32 * time.Hour,
		},
		SchedulerOptions: controller.SchedulerOptions{MaxConcurrentChallenges: 60},
		ConfigOptions:    controller.ConfigOptions{EnableGatewayAPI: withRoutes},
	})
	if err != nil {
		return err
	}
	root, err := factory.Build()
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	for name, construct := range controller.Known() {
		if name == shimgateway.ControllerName && !withRoutes {
			continue
		}
		one, err := construct(factory)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		running.Go(func() {
			startOver(fmt.Sprintf("%s ended: %v", name, one.Run(5, ctx)))
		})
	}
	root.SharedInformerFactory.Start(ctx.Done())
	root.KubeSharedInformerFactory.Start(ctx.Done())
	root.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	if withRoutes {
		root.GWShared.Start(ctx.Done())
	}
	running.Wait()
	return nil
}

func runCAInjector(ctx context.Context, cluster *rest.Config) error {
	client, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		return err
	}
	healthy()
	waitFor("certificates", func() bool { return served(ctx, client, "cert-manager.io/v1/certificates") })
	startOverWithout(ctx, client, kindsPath+certificates)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		kscheme.AddToScheme, cmscheme.AddToScheme, apiext.AddToScheme, apireg.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	cluster.UserAgent = "cert-manager-cainjector"
	manager, err := ctrl.NewManager(cluster, ctrl.Options{Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}})
	if err != nil {
		return err
	}
	err = cainjector.RegisterAllInjectors(ctx, manager, cainjector.SetupOptions{
		EnableCertificatesDataSource: true,
		EnabledReconcilersFor: map[string]bool{
			cainjector.MutatingWebhookConfigurationName:   true,
			cainjector.ValidatingWebhookConfigurationName: true,
			cainjector.APIServiceName:                     true,
			cainjector.CustomResourceDefinitionName:       true,
		},
	})
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}

func runWebhook(ctx context.Context, cluster *rest.Config) error {
	client, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		return err
	}
	// The authority that signs its certificate is kept in a Secret there.
	path := "/api/v1/namespaces/" + *namespace
	waitFor("namespace "+*namespace, func() bool {
		there := identity(ctx, client, path)
		return there != "" && there != "unknown"
	})
	startOverWithout(ctx, client, path)
	names := []string{*service, *service + "." + *namespace, *service + "." + *namespace + ".svc"}
	parts, err := cmwebhook.NewCertManagerWebhookServer(klog.Background(), webhookconfig.WebhookConfiguration{
		KubeConfig: *kubeconfig,
		TLSConfig: shared.TLSConfig{Dynamic: shared.DynamicServingConfig{
			SecretNamespace: *namespace, SecretName: *service + "-ca", DNSNames: names, LeafDuration: 7 * 24 * time.Hour,
		}},
	})
	if err != nil {
		return err
	}
	go func() { startOver(fmt.Sprint("certificates ended: ", parts.CertificateSource.Start(ctx))) }()
	server := webhook.NewServer(webhook.Options{
		Host: *address, Port: *port,
		TLSOpts: []func(*tls.Config){func(c *tls.Config) { c.GetCertificate = parts.CertificateSource.GetCertificate }},
	})
	server.Register("/mutate", cmadmission.NewCustomMutationWebhook(parts.MutationWebhook))
	server.Register("/validate", cmadmission.NewCustomValidationWebhook(parts.ResourceScheme, parts.ValidationWebhook))
	return server.Start(ctx)
}
