//! The codes of errors and warnings: one table, from which `explain` and `docs/errors.md` are made.
//!
//! A code stands for one kind of cause that one kind of action fixes, not for one sentence. It is part of the contract with
//! scripts: a code may be added, never renamed or reused. This file must not know where a code is used.

use std::fmt;
use std::fmt::Write as _;

/// Part of the program that a code belongs to, in the order of `docs/errors.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// Any file that a person writes.
    Files,
    /// The command line.
    CommandLine,
    /// `aspire-manifest.json`.
    Manifest,
    /// `aspire-k8s.yaml`.
    Config,
    /// What the application becomes: workloads, values, the chart.
    Application,
    /// Parameters, secrets and their sources.
    Inputs,
    /// Charts that come with the application.
    ExternalCharts,
    /// The API server.
    Cluster,
    /// The helm binary.
    Helm,
    /// The release and its revisions.
    Release,
    /// Deployment to `StatefulSet` and back.
    Migration,
    /// The program itself.
    Program,
}

impl Area {
    /// The heading of its codes.
    pub fn title(self) -> &'static str {
        match self {
            Self::Files => "All input files",
            Self::CommandLine => "Command line",
            Self::Manifest => "aspire-manifest.json",
            Self::Config => "aspire-k8s.yaml",
            Self::Application => "The application and its chart",
            Self::Inputs => "Parameters and secrets",
            Self::ExternalCharts => "External charts",
            Self::Cluster => "The cluster",
            Self::Helm => "Helm",
            Self::Release => "Releases",
            Self::Migration => "Workload migrations",
            Self::Program => "The program",
        }
    }
}

/// What the table says about a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its part of the program.
    pub area: Area,
    /// Its name: `unknown-key`.
    pub name: &'static str,
    /// What is wrong, in one line.
    pub title: &'static str,
    /// Why it happens.
    pub cause: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// Its name in older versions: `E04`; empty where it had none.
    pub former: &'static str,
}

macro_rules! codes {
    ($($area:ident { $($variant:ident $name:literal $([$former:literal])? $title:literal $cause:literal $fix:literal)* })*) => {
        /// The stable name of a kind of error or warning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(clippy::doc_markdown, reason = "titles are plain text")]
        pub enum Code {
            $($(#[doc = $title] $variant,)*)*
        }

        impl Code {
            /// All codes, in the order of the table.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)*)*];

            /// Its row of the table.
            pub fn entry(self) -> Entry {
                match self {
                    $($(Self::$variant => Entry {
                        area: Area::$area,
                        name: $name,
                        title: $title,
                        cause: $cause,
                        fix: $fix,
                        former: concat!($($former)?),
                    },)*)*
                }
            }
        }
    };
}

codes! {
Files {
    UnreadableFile "unreadable-file" "A file cannot be read"
        "The file does not exist, is not readable, is not UTF-8 text, or is a socket, pipe or device."
        "Check the path and the permissions of the file named in the message."
    UnwritableFile "unwritable-file" "A file or folder cannot be written"
        "The folder is missing or read-only, the disk is full, or the folder holds files that kubectl aspire did not write."
        "Choose another folder with `-o`, or fix its permissions."
    DuplicateKey "duplicate-key" "The same key appears twice in one object"
        "JSON and YAML parsers disagree about which of two equal keys counts, so neither is used."
        "Remove one of the two keys."
    MissingKey "missing-key" "A required key is missing"
        "The object needs this key, or at least one of several keys, to have a meaning."
        "Add the key that the message names."
    WrongType "wrong-type" "A value has the wrong type"
        "For example a list where a map is expected, or an unquoted number where text is expected."
        "Write the value as the message says. In YAML, put text that looks like a number or a boolean in quotes."
    InvalidValue "invalid-value" "A value is not valid"
        "The value has the right type, but Kubernetes, Helm or Aspire does not accept it: a name with illegal characters, a number out of range, an unknown word."
        "Follow the rule in the message or its hint."
    ConflictingKeys "conflicting-keys" "Two settings contradict each other"
        "Both keys are valid, but they cannot be set together."
        "Keep one of the keys that the message names."
    TooComplex "too-complex" "A file is nested too deeply or expands too far"
        "Deep nesting, long lines or repeated YAML anchors would cost far more memory and time than the file is long. Such files are refused before they are read."
        "Write the content out without anchors, or split it."
    TooManyProblems "too-many-problems" "There are more problems than are shown"
        "Very many problems usually mean that the file is not what it is used as."
        "Check that the right file was passed, fix the problems that are shown, and run the command again."
}
CommandLine {
    InvalidUsage "invalid-usage" "The command line is not valid"
        "Flags or arguments are missing, contradict each other, or do not apply to this command or this source."
        "Run the command with `--help` and follow the message."
    InvalidArgument "invalid-argument" "The value of a flag or argument is not valid"
        "A flag or argument has a value of the wrong form (NAME=VALUE, a duration, a version), or names a step, target or code that does not exist."
        "Write the value as the message or its hint shows."
    ManifestNotFound "manifest-not-found" "There is no manifest"
        "SOURCE is an AppHost project or a folder without `aspire-manifest.json`."
        "Write the manifest with `aspire do publish-manifest --output-path ./aspire-manifest.json` and pass the file."
    MissingName "missing-name" "The application has no name"
        "No name is set, and the folder of the manifest has none that can be used."
        "Pass `--release`, or set `application: NAME` in aspire-k8s.yaml."
    AmbiguousNamespace "ambiguous-namespace" "aspire-k8s.yaml and Helm name different namespaces"
        "As a Helm plugin the program gets the namespace from Helm, which may be the one of the kubeconfig context."
        "Pass `--release-namespace` with the namespace that you mean."
    ConfirmationRequired "confirmation-required" "The command needs a confirmation"
        "The command deletes or replaces something, and there is no terminal to ask on."
        "Read what the command would do, then pass the flag that the message names."
}
Manifest {
    ManifestEncoding "manifest-encoding" "The manifest is not UTF-8 text"
        "The file was saved as UTF-16 or in another encoding. Redirection with `>` in Windows PowerShell does that."
        "Let Aspire write the file itself with `--output-path`, or save it as UTF-8."
    ManifestIncomplete "manifest-incomplete" "The manifest is empty or cut off"
        "Aspire leaves such a file behind when publishing fails."
        "Run the publish step again and check its output."
    ManifestSyntax "manifest-syntax" "The manifest is not valid JSON"
        "The file was edited by hand, holds comments, or holds the marks of a merge conflict."
        "Fix the line that the message names, or publish the manifest again."
    NotAManifest "not-a-manifest" "The file is not an Aspire manifest"
        "The JSON has no `resources`, or is not an object."
        "Pass the `aspire-manifest.json` that Aspire wrote."
}
Config {
    ConfigSyntax "config-syntax" "aspire-k8s.yaml is not valid YAML"
        "A YAML syntax error: a tab in the indentation, a missing colon, an unclosed quote, several documents."
        "Fix the line that the message names."
    UnknownKey "unknown-key" "The key does not exist"
        "The key is misspelled, stands at the wrong level, or belongs to another version."
        "Use the suggested key. `kubectl aspire schema` prints the JSON schema for editors."
    UnsupportedKey "unsupported-key" "The key is not supported by this version"
        "The key is reserved for a later version."
        "Remove the key, or update kubectl aspire."
    UnsupportedYaml "unsupported-yaml" "A YAML feature is not supported"
        "Tags, merge keys, keys that are not text, infinite numbers and control characters have no meaning in this file."
        "Write the content as plain keys and values."
    UnknownEntry "unknown-entry" "The file refers to an entry that it does not have"
        "A chart, issuer, gateway, listener or environment is named that is not defined in the file."
        "Fix the name, or define the entry."
    UnknownEnvironment "unknown-environment" "There is no such environment"
        "`-e` names an environment that aspire-k8s.yaml, or the rendered chart, does not have."
        "Use one of the defined environments, or add it under `environments`."
    UnknownResource "unknown-resource" "The manifest has no such resource"
        "aspire-k8s.yaml or a flag names a resource, mount or volume that is not in the manifest, or that does not run."
        "Fix the name, or remove the entry if the AppHost no longer has the resource."
    UnknownEndpoint "unknown-endpoint" "The resource has no such endpoint"
        "A route or node port names a binding that the resource does not have, or that cannot serve HTTP."
        "Use one of the bindings that the hint lists."
    EnvironmentChangesStructure "environment-changes-structure" "An environment changes more than values"
        "All environments share one set of templates, so an environment can change values, but not add references, workloads or entries."
        "Move the setting to the top level, and let the environment change a value in it."
    NoEffect "no-effect" "A setting has no effect"
        "Another setting makes this one meaningless, for example options of a feature that is switched off."
        "Remove the setting, or the one that overrides it."
    DuplicateEntry "duplicate-entry" "Two entries are the same"
        "The same host, path, port or release is used by two entries that must differ."
        "Remove or change one of the two entries."
    CircularNeeds "circular-needs" "Entries need each other in a circle"
        "Charts are installed in the order of `needs`, and a circle has no order."
        "Remove one of the `needs`."
    SecretInFile "secret-in-file" "A secret value is written in a plain file"
        "Secret parameters and addresses with credentials do not belong in a file that is committed."
        "Remove the value (and change it if the file was shared). Pass it at deploy time, or use `from:`."
    SecretExposed "secret-exposed" "A secret would be readable by everybody"
        "A secret parameter is used in an object that is not a Secret, such as an issuer or a route."
        "Name it where a secret is expected, or use a parameter that is not secret."
    NotSecret "not-secret" "The parameter is not secret"
        "A setting for secrets is applied to a parameter that the AppHost does not mark as secret."
        "Mark it as secret in the AppHost (`secret: true`), or set its `value`."
    IncompleteSecretSource "incomplete-secret-source" "A secret source lacks a setting"
        "`from` names a source (sops, external secrets, an existing Secret) whose file, store or key is not set, or that cannot supply what is needed."
        "Add the setting that the hint shows."
    NotExternal "not-external" "The endpoint is not external"
        "A route would publish an endpoint that the AppHost does not mark as external."
        "Call `WithExternalHttpEndpoints()` in the AppHost, or set `internal: true` on the route."
    UnsupportedRoute "unsupported-route" "The controller does not support the route"
        "The setting is not supported by the ingress controller or gateway, or it is not known which controller serves the class."
        "Set `controller`, or write the annotations of your controller under `annotations`."
}
Application {
    InvalidImage "invalid-image" "The image reference is not valid"
        "A registry would not accept the reference: uppercase letters, illegal characters, a name that is too long, `https://`."
        "Write it like `ghcr.io/contoso/shop:1.0`."
    CircularReference "circular-reference" "A value refers to itself"
        "Following the references of the value leads back to it, or does not end."
        "Break the circle in the AppHost."
    UnknownReference "unknown-reference" "A reference cannot be resolved"
        "An expression names a resource, property or filter that does not exist."
        "Fix the expression in the AppHost or in aspire-k8s.yaml."
    ValueTooLarge "value-too-large" "A value or file is too large for Kubernetes"
        "Kubernetes objects hold at most about 1 MiB, and all values together are limited as well."
        "Build the files into the image, or put them on a volume."
    FileRefused "file-refused" "A mounted file is not taken"
        "The bind mount points outside the source root, to a place of your machine, to a file with credentials, or to something that is not a file."
        "Build the files into the image, use a volume, or set `sourceRoot` or `--source-root` if the folder belongs to the application."
    InvalidVariable "invalid-variable" "An environment variable cannot have this name"
        "The name is reserved, or is not valid for an environment variable."
        "Rename the variable in the AppHost, or remove it with `env: {NAME: null}`."
    ReservedName "reserved-name" "The name is reserved"
        "kubectl aspire uses this name itself."
        "Choose another name for the resource or parameter."
    NameCollision "name-collision" "Two objects would have the same name"
        "Kubernetes names are lower case, limited in length and characters, so different Aspire names can become the same one."
        "Rename one of the resources, volumes or parameters."
    NameTooLong "name-too-long" ["E09"] "A name is too long"
        "Kubernetes limits names, and adds to the names of pods."
        "Use a shorter name."
    PortCollision "port-collision" "Two endpoints need the same port"
        "A Service can use each port once."
        "Give one of the endpoints another port in the AppHost."
    VolumeNotShareable "volume-not-shareable" "A volume cannot be shared"
        "A PersistentVolumeClaim with ReadWriteOnce belongs to one node at a time, so several workloads, or old and new pods of a Deployment, cannot use it."
        "Set `accessModes: [ReadWriteMany]` if the storage class supports it, or follow the hint."
    InvalidGenerator "invalid-generator" "A value cannot be generated"
        "The rules in `default.generate` allow no value: no characters, no length, or a length that is out of range."
        "Fix the rules in the AppHost."
    NotDeployed "not-deployed" "A resource is not deployed"
        "The resource is excluded, has no image, or is of a type that a cluster cannot run."
        "Set `image` in aspire-k8s.yaml to run it, or supply what other resources need from it as parameters."
    ChangedInCluster "changed-in-cluster" "The application behaves differently in the cluster"
        "Something in the manifest works on a developer machine only, or has no exact equivalent in Kubernetes. It was adapted, or left out."
        "Check that the result is what you want. The message names the setting that changes it."
    NotARenderedChart "not-a-rendered-chart" "The chart cannot be deployed by kubectl aspire"
        "The chart was not rendered by kubectl aspire, by a version that is too old or too new, or its files were changed or are missing."
        "Render the chart again with this version."
}
Inputs {
    MissingInput "missing-input" "A required parameter has no value"
        "The parameter has no default, and no flag, variable, file or stored value sets it."
        "Set it in one of the ways that the hint lists. `kubectl aspire inputs` lists all parameters."
    UnknownInput "unknown-input" "There is no such parameter"
        "A flag, file or setting names a parameter that the application does not have."
        "Fix the name. `kubectl aspire inputs` lists all parameters."
    DuplicateInput "duplicate-input" "A parameter is set twice"
        "The same source sets the parameter twice, or two sources of the same rank do."
        "Keep one of them."
    AmbiguousInput "ambiguous-input" "A name stands for several parameters"
        "Names of environment variables cannot hold all characters, so two parameters share one variable."
        "Set each by its own name with `--parameter` or in a file."
    EmptyVariable "empty-variable" "The environment variable is set, but empty"
        "CI systems pass an empty variable for a secret that is not defined."
        "Define the secret in the CI system, unset the variable, or pass `--parameter NAME=` if the value is meant to be empty."
    InvalidInput "invalid-input" "The value of a parameter is not valid"
        "The value is not text, has no value yet, or cannot be used in the place that needs it (an image tag, a host name)."
        "Set another value. In YAML and JSON files put the value in quotes."
    ParameterFileSyntax "parameter-file-syntax" "A parameter file cannot be read"
        "The file is not valid YAML, JSON or `.env`, or has another structure than names and values."
        "Write one `name: \"value\"` per line, or `NAME='value'` in a file that ends in `.env`."
    StaleCredentials "stale-credentials" "A password would change, but stored data was set up with the old one"
        "Databases keep passwords in their own files. A PersistentVolumeClaim that was initialised with the old password would reject the new one."
        "Change the password inside the database first, then pass `--accept stale-credentials`."
    NotRotatable "not-rotatable" "The parameter cannot be rotated"
        "The parameter is neither secret nor generated, or its value is managed outside kubectl aspire."
        "Change the value where it is managed."
    SecretGone "secret-gone" "A stored secret no longer exists"
        "The value was stored in a Secret of the cluster, and the Secret or its key was deleted."
        "Restore the Secret, or set the value again."
    SopsFailed "sops-failed" "sops cannot decrypt the file"
        "sops is not installed, no available key can decrypt the file, or the file was not encrypted by sops."
        "Run `sops -d FILE` to check the keys, and follow the hint."
    SealingFailed "sealing-failed" "A value cannot be sealed"
        "The certificate is not the one of a Sealed Secrets controller, or the sealed file is damaged."
        "Fetch the certificate with `kubeseal --fetch-cert`, and seal the values again."
    WeakSecret "weak-secret" "A secret is very short"
        "A secret of fewer than 4 characters cannot be hidden in output without hiding ordinary words."
        "Use a longer value."
    ValueChangedOnApply "value-changed-on-apply" "A value or object would change when it is applied"
        "YAML or the API server does not keep this content exactly as it is, for example some control characters and line breaks."
        "Check the value, and encode it if every byte matters."
}
ExternalCharts {
    ChartNotFound "chart-not-found" "A chart or version does not exist"
        "The repository or registry has no chart of this name or version, or does not answer."
        "Check `chart`, `repository` and `version`, and log in with `helm registry login` if needed."
    ChartLockOutdated "chart-lock-outdated" "The chart lock file does not match aspire-k8s.yaml"
        "A version is a range without a lock, or the lock file was written for other charts or versions."
        "Run `kubectl aspire charts lock` (or `charts update`) and commit the lock file."
    ChartChanged "chart-changed" "A chart is not the one that was locked"
        "The repository serves other bytes under the same version than when it was locked."
        "Find out why. If the change is intended, run `kubectl aspire charts update`."
    ChartReleaseConflict "chart-release-conflict" "The release of a chart cannot be taken over or changed"
        "A release of this name exists and belongs to someone else, is newer, or was made from another chart."
        "Choose another release name, or set `adopt: true` if it is to be managed here."
    ChartNotReady "chart-not-ready" "A chart is installed, but not ready"
        "CRDs, webhooks or objects that `waitFor` names did not become ready in time."
        "Check the pods of the chart, raise `--timeout`, and run the command again."
    ChartRejected "chart-rejected" "The API server rejected the chart"
        "A dry run of the chart failed: missing CRDs, an invalid object, a webhook that denies it."
        "Read the response in the message, and change the values of the chart."
    ChartNotRemoved "chart-not-removed" "A chart cannot be removed"
        "Other releases use the chart, or it was installed by someone else."
        "Leave it, or remove it with `helm uninstall`."
    ChartSecretMissing "chart-secret-missing" "A chart needs a secret that is not available"
        "`valuesFrom` or an issuer takes a parameter whose value is not available at this point."
        "Set the value, or name a Secret: `{secret: ..., key: ...}`."
}
Cluster {
    InvalidKubeconfig "invalid-kubeconfig" "The kubeconfig cannot be used"
        "The kubeconfig is missing or not valid, the context does not exist, or its certificates cannot be read."
        "Check `--kubeconfig`, `$KUBECONFIG` and `--context` with `kubectl config view`."
    PortInUse "port-in-use" "The local port is in use"
        "Another process listens on the port that `--port` names."
        "Choose another port, or leave `--port` out."
    ServerUnreachable "server-unreachable" "The API server cannot be reached"
        "The address, DNS name, proxy, VPN or certificate does not work from this machine."
        "Check the connection with `kubectl cluster-info`."
    ServerTimeout "server-timeout" "The API server did not answer in time"
        "The API server is overloaded or the connection is slow. A write may have been done all the same."
        "Run the command again; it checks what was done."
    NotAuthenticated "not-authenticated" "The API server does not accept the credentials"
        "The token or client certificate of the context is missing, expired or not valid."
        "Log in again (cloud CLI, `kubectl login` plugin), then retry."
    MissingPermission "missing-permission" ["E14"] "An RBAC permission is missing"
        "Your user or service account may not do this."
        "Ask an administrator for a Role with the verb and resource that the message names. `kubectl auth can-i` checks it."
    RequestDenied "request-denied" "The API server denied the request"
        "A quota, an admission webhook or a policy of the cluster does not allow the object."
        "Read the response in the message, and change the object or ask for an exception."
    ObjectNotFound "object-not-found" "The object or kind does not exist"
        "The object was deleted, or the cluster does not have this kind."
        "Check the name and namespace, or install the CRD."
    WriteConflict "write-conflict" "Another client changed the object at the same time"
        "A controller or another person wrote the object between reading and writing it."
        "Run the command again."
    FieldConflict "field-conflict" "Another client owns a field (server-side apply)"
        "A field that the chart sets was set by another field manager."
        "Copy the value to aspire-k8s.yaml, undo the change, or pass `--helm-arg=--force-conflicts`."
    InvalidObject "invalid-object" "The API server rejects the object"
        "The object is not valid: a wrong field, a value that cannot change, a size that is too large."
        "Read the response in the message, and fix the setting that the field comes from."
    NotOwned "not-owned" "The object is not owned by this release"
        "An object of this name exists and belongs to another release, application or tool. It is never changed or deleted."
        "Rename or delete it, or choose another release name or namespace."
    NamespaceTerminating "namespace-terminating" "The namespace is being deleted"
        "Kubernetes does not create objects in a namespace that is terminating."
        "Wait until it is gone, then run the command again."
    UnexpectedResponse "unexpected-response" "The API server sent an unexpected response"
        "The address is not the one of an API server, a proxy answers instead, or the server failed."
        "Check the address in the kubeconfig, and try again."
    PreflightFailed "preflight-failed" "A check before the deploy failed"
        "The cluster would reject the deploy or could not run it: quota, limits, storage, kinds, names, Pod Security."
        "Follow the hint of the check. `--ignore CHECK` turns a check into a warning where that is possible."
    NotWatched "not-watched" "The rollout cannot be observed completely"
        "A permission to list or watch is missing, or the connection was lost. The deploy itself is not affected."
        "Ask for the permission to list the kinds that the message names."
    NoHost "no-host" "A route has no host yet"
        "The load balancer has no address yet, or the template gives no valid host name."
        "Check the Service of the controller. The next deploy looks again."
    HostChanged "host-changed" "The discovered host of a route changed"
        "The load balancer has another address than before."
        "Update DNS records and links that use the old host."
}
Helm {
    HelmMissing "helm-missing" "Helm is not installed"
        "No `helm` is on the PATH, or it cannot be started."
        "Install Helm 3.14 or later, or set `$HELM_BIN`."
    HelmUnsupported "helm-unsupported" "The Helm version is not supported"
        "kubectl aspire works with Helm 3.14 to 4.x."
        "Install a supported version, or point `$HELM_BIN` to one."
    HelmFailed "helm-failed" "Helm failed"
        "Helm exited with an error that has no code of its own. The message holds its last lines."
        "Read the lines of Helm in the message."
    HelmTimeout "helm-timeout" "Helm did not end in time"
        "A Helm command took longer than expected and was stopped."
        "Check the connection to the cluster or registry, and run the command again."
    HelmArgumentRefused "helm-argument-refused" "A Helm flag or name is not allowed"
        "The flag would break a guarantee of kubectl aspire, or Helm would read the text as something else."
        "Use the alternative that the hint names."
    ReleaseNotFound "release-not-found" "The release or revision does not exist"
        "No release of this name is in the namespace, or the revision was pruned."
        "Check `--release` and `-n`. `helm list -A` lists all releases."
    ReleaseBusy "release-busy" "Another Helm operation is in progress"
        "Another Helm works on the release, or was killed while it did."
        "Wait for it to end. The message says what to do if no Helm runs any more."
    NotReady "not-ready" "Workloads did not become ready"
        "Pods do not start, crash or fail their probes. The message lists the cause for each workload."
        "Fix the cause, then deploy again. Raise `--timeout` if the workloads only need longer."
    UnknownKind "unknown-kind" "The cluster does not know a kind"
        "The chart has an object whose CRD is not installed."
        "Install the CRD or operator first."
    WebhookUnavailable "webhook-unavailable" "An admission webhook does not answer"
        "The API server must ask a webhook whose pods do not run."
        "Check the pods of the webhook, or wait until they are ready."
}
Release {
    ReleaseLocked "release-locked" "Another run works on the release"
        "Another process holds the lock of the release."
        "Wait for it to end. If it was killed, follow the hint."
    ReleaseChanged "release-changed" "The release changed while the command ran"
        "Another Helm or kubectl aspire wrote a revision or an object at the same time."
        "Run the command again."
    OtherApplication "other-application" "The release belongs to another application"
        "The release was deployed from another chart, without kubectl aspire, or with another `applicationId`."
        "Choose another release name or namespace, or take it over as the hint says."
    RecordSuspect "record-suspect" "Helm's release record names objects that it must not"
        "A Helm record lists objects that this release does not own, or that only the record knows. Somebody may have changed it."
        "Check the objects. `--allow-object KIND/NAME` allows an object that you want to be changed or deleted."
    RecordUnreadable "record-unreadable" "Helm's release record cannot be read"
        "A Secret or ConfigMap of Helm is damaged or was written by another tool."
        "Restore it from a backup, or delete the record that the message names."
    NotApplied "not-applied" "Helm reported success, but the release differs"
        "The newest revision is not the one that Helm was asked for: another client was faster, or a Helm plugin changed it."
        "Compare with `helm history`, then deploy again."
    NoGoodRevision "no-good-revision" ["E15"] "There is no revision to roll back to"
        "The revision does not exist, was never fully deployed, or no earlier one is left."
        "Choose another revision from `kubectl aspire history`, or deploy again."
    RollbackNotPossible "rollback-not-possible" "A rollback would do damage"
        "The revision needs something that changed since and cannot change back: a larger PersistentVolumeClaim, an immutable field, a deleted Secret key."
        "Deploy the older source again instead."
    RollbackFailed "rollback-failed" "The partial change could not be rolled back"
        "The deploy failed, and so did the rollback that followed."
        "Fix the cause in the message and run the same command again, or `kubectl aspire rollback`."
    SavedPlanInvalid "saved-plan-invalid" "The file is not a saved plan of this version"
        "The file was edited, is something else, or was saved by another version."
        "Save the plan again with `plan --save`."
    PlanOutdated "plan-outdated" "The cluster or the inputs changed since the plan was made"
        "The chart, values, secrets, release or live objects differ from what the plan was made from."
        "Run `plan` again, and check what is new."
    SecretSourceMissing "secret-source-missing" "A secret source is missing in the cluster"
        "A Secret, SecretStore or operator (External Secrets, Sealed Secrets) that the application uses does not exist or is not ready."
        "Create it first, or set `deferred` for a Secret that is made later."
    SecretNotInSync "secret-not-in-sync" "A Secret in the cluster is not up to date"
        "The operator has not written the newest value yet, or the stored value differs from the one that was sealed or referenced."
        "Check the ExternalSecret or SealedSecret, then restart the workloads that use it."
    NamespaceNotRemovable "namespace-not-removable" "The namespace cannot be deleted"
        "kubectl aspire did not create the namespace, or it holds objects of other owners or PersistentVolumeClaims."
        "Leave `--delete-namespace` out, or remove the objects first. `--delete-data` deletes the claims."
    StillDeleting "still-deleting" "Objects are still being deleted"
        "Finalizers or running pods hold the deletion up."
        "Wait, or find the finalizer with `kubectl get -o yaml`. Then run the same command again."
    StoredStateInvalid "stored-state-invalid" "What kubectl aspire stored in the cluster cannot be read"
        "A ConfigMap, Secret or Lease of kubectl aspire was changed by another client or written by a newer version."
        "Use the version that wrote it, or follow the hint."
    Interrupted "interrupted" "The command was interrupted"
        "You pressed Ctrl-C, or the process was asked to stop."
        "Run the same command again to continue."
    TimedOut "timed-out" "The command timed out"
        "The whole run took longer than `--timeout`."
        "Raise `--timeout`, and run the same command again."
    DashboardUnavailable "dashboard-unavailable" "The dashboard cannot be opened"
        "The release has no dashboard, or its pod does not run."
        "Add `dashboard: {}` to aspire-k8s.yaml and deploy."
    RecordFailed "record-failed" "A side record could not be written"
        "The deploy itself was done, but a note about it (remembered values, the mark of a revision) could not be stored."
        "Run the command again when the cluster accepts writes."
    ReleaseUnchanged "release-left-unchanged" "A failed release was left as it is"
        "`--no-rollback` or a first installation: there is no earlier revision that could be restored."
        "Fix the cause and deploy again, or run `kubectl aspire destroy`."
}
Migration {
    HistoryGone "release-history-gone" ["E02"] "The Helm history of the release is gone"
        "Helm's Secrets were deleted. There is nothing to roll back to, and Helm would install the application once more."
        "Restore Helm's Secrets (`sh.helm.release.v1.*`) from a backup."
    PvcTerminating "pvc-terminating" ["E03"] "A PersistentVolumeClaim is being deleted"
        "The claim waits for its last pod to end. A migration would stop that pod and lose the data."
        "Set the reclaim policy of its volume to `Retain` first; the message has the command."
    PvcInUse "pvc-in-use" ["E04, E05"] "Another pod uses the PersistentVolumeClaim"
        "A pod of a Job, of another workload or without a controller mounts the claim of the workload."
        "Stop what created the pod, or delete the pod."
    NodeUnreachable "node-unreachable" ["E06"] "The node of an old pod does not respond"
        "A pod on a node that does not respond may still write to its volume."
        "Bring the node back, or make sure that it is off and add the taint `node.kubernetes.io/out-of-service`."
    ManagedElsewhere "managed-elsewhere" ["E07"] "Another controller would recreate the workload"
        "Argo CD, Flux or another object owns the workload and would start it again during the migration."
        "Pause that controller first, or change the object that owns the workload."
    PvcSharedByReplicas "pvc-shared-by-replicas" ["E11"] "Several replicas would share one PersistentVolumeClaim"
        "The workload has several replicas, and a claim that one pod can use."
        "Set `replicas: 1`, or `perReplica: true` for a claim for each replica."
    PvcImmutable "pvc-immutable" ["E16"] "A PersistentVolumeClaim cannot be changed like this"
        "Size, storage class, access modes and volume of a claim cannot change, except that some classes let it grow."
        "Set what the live claim has; the message names it. Or create a new volume and copy the data."
    ResizeDuringMigration "resize-during-migration" ["E18"] "The deploy changes the workload kind and resizes its claim"
        "A claim cannot shrink again, so the migration could not be rolled back."
        "Deploy the two changes one after the other."
    ServiceNotReplaceable "service-not-replaceable" ["T7"] "The Service cannot be deleted and recreated"
        "The Service has an external address or node ports that would be lost."
        "Pin the address or ports, or use a Service with another name first."
    MigrationUnfinished "migration-unfinished" "A workload migration is not finished"
        "An earlier run was interrupted. Its progress is recorded in the cluster."
        "Run the command that the message names to resume it or to roll back."
    MigrationNotConfirmed "migration-not-confirmed" "A workload migration needs your confirmation"
        "The change causes downtime, or deletes and recreates objects."
        "Read the plan, then pass the `--accept` flags that the message names."
    MigrationFailed "migration-failed" "A workload migration failed and was rolled back"
        "A step of the migration failed. The workloads from before run again."
        "Fix the cause in the message, then deploy again."
    MigrationBlocked "migration-blocked" "A workload migration cannot continue by itself"
        "The state of the cluster is not one that the migration can continue from safely. Data is untouched."
        "Follow the hint. The same command continues afterwards."
    DataAtRisk "data-at-risk" "Data could be lost"
        "A volume moves, disappears or is used by another version of the server that stores its data in it."
        "Back the data up, follow the hint, then pass the `--accept` flag that the message names."
    AutoscalerTarget "autoscaler-target" "An autoscaler targets the old workload"
        "The HorizontalPodAutoscaler names the kind that the workload no longer has."
        "Change `scaleTargetRef` of the autoscaler to the new kind."
}
Program {
    Defect "defect" "kubectl aspire has a defect"
        "A situation that should not be possible."
        "Report it with the message and the command."
    NoRandom "no-random" "The system provides no random bytes"
        "The random number generator of the operating system failed."
        "Check the operating system or container runtime."
}
}

impl Code {
    /// Its name: `unknown-key`.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The code of this name, also of one that older versions used (`E04`).
    pub fn find(name: &str) -> Option<Self> {
        let is_former = |former: &str| former.split(", ").any(|one| !one.is_empty() && one.eq_ignore_ascii_case(name));
        Self::ALL.iter().copied().find(|code| code.name() == name || is_former(code.entry().former))
    }

    /// The entry of the table, as text.
    pub fn explanation(self) -> String {
        let Entry { name, title, cause, fix, former, .. } = self.entry();
        let former = if former.is_empty() { String::new() } else { format!(" (formerly {former})") };
        format!("{name}{former}: {title}\n\nCause: {cause}\n\nFix: {fix}\n")
    }

    /// `docs/errors.md`.
    pub fn document() -> String {
        let mut out = String::from(
            "# Error codes\n\nEvery error and warning has a stable code: `error[unknown-key]: ...`. \
             `kubectl aspire explain CODE` prints its entry. Scripts find it as `code` in JSON output.\n\n\
             This page is generated from `src/support/diagnostic/code.rs`.\n",
        );
        let mut area = None;
        for entry in Self::ALL.iter().map(|code| code.entry()) {
            if area != Some(entry.area) {
                area = Some(entry.area);
                let _ = write!(out, "\n## {}\n", entry.area.title());
            }
            let _ = write!(out, "\n### {}\n\n{}.", entry.name, entry.title);
            if !entry.former.is_empty() {
                let _ = write!(out, " Formerly {}.", entry.former);
            }
            let _ = write!(out, "\n\n* Cause: {}\n* Fix: {}\n", entry.cause, entry.fix);
        }
        out
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_says_one_thing_of_its_own() {
        let is_kebab =
            |name: &str| name.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()));
        let entries: Vec<Entry> = Code::ALL.iter().map(|code| code.entry()).collect();
        assert!((60..=150).contains(&entries.len()), "{}", entries.len());
        for entry in &entries {
            assert!(is_kebab(entry.name), "{}", entry.name);
            assert!(!entry.title.ends_with('.') && entry.title.len() < 90, "{}: {}", entry.name, entry.title);
            for text in [entry.cause, entry.fix] {
                assert!(text.ends_with('.') && text.len() > 10, "{}: {text}", entry.name);
            }
        }
        for texts in [|it: &Entry| it.name, |it: &Entry| it.title, |it: &Entry| it.cause] {
            let distinct: BTreeSet<&str> = entries.iter().map(texts).collect();
            assert_eq!(distinct.len(), entries.len());
        }
        assert!(entries.is_sorted_by_key(|entry| entry.area));
    }

    /// The text of every source file but this one.
    fn sources() -> String {
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut text = String::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("diagnostic/code.rs") && path.extension().is_some_and(|it| it == "rs") {
                    text.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        text
    }

    #[test]
    fn every_code_is_used() {
        let sources = sources();
        let used: BTreeSet<&str> = sources
            .split("Code::")
            .skip(1)
            .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default())
            .collect();
        let unused: Vec<_> = Code::ALL.iter().filter(|code| !used.contains(&*format!("{code:?}"))).collect();
        assert!(unused.is_empty(), "nothing uses {unused:?}: remove them from the table");
    }

    /// `UPDATE_DOCS=1 cargo test --lib documented` writes the page.
    #[test]
    fn every_code_is_documented() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, Code::document()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == Code::document(), "docs/errors.md is old: UPDATE_DOCS=1 cargo test --lib documented");
    }

    #[test]
    fn old_names_lead_to_the_new_ones() {
        assert_eq!(Code::find("e05"), Some(Code::PvcInUse));
        assert_eq!(Code::find("E14"), Some(Code::MissingPermission));
        assert_eq!(Code::find("unknown-key"), Some(Code::UnknownKey));
        assert_eq!(Code::find(""), None);
    }
}
