// Loaded into an AppHost by DOTNET_STARTUP_HOOKS. When the host stops, its work done, this writes down what the model of
// the application says and the manifest leaves out. It writes facts, the types and fields of annotations, and decides
// nothing. It knows Aspire by the names of types alone, so that it can read any version.
//
// It must not start, change or print anything, and never fail the AppHost.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading;
using System.Threading.Tasks;

internal static class StartupHook
{
    public static void Initialize()
    {
        var output = Environment.GetEnvironmentVariable("KUBECTL_ASPIRE_MODEL");
        var manifest = Environment.GetEnvironmentVariable("KUBECTL_ASPIRE_MANIFEST");
        LeaveNothingToChildren();
        if (string.IsNullOrEmpty(output) || string.IsNullOrEmpty(manifest))
        {
            return;
        }
        DiagnosticListener.AllListeners.Subscribe(new Watch<DiagnosticListener>(listener =>
        {
            if (listener.Name == "Microsoft.Extensions.Hosting")
            {
                listener.Subscribe(new Watch<KeyValuePair<string, object?>>(happened =>
                {
                    if (happened is { Key: "HostBuilt", Value: { } host })
                    {
                        ModelReader.ReadWhenStopping(host, output, manifest);
                    }
                }));
            }
        }));
    }

    // Programs that the AppHost starts are not AppHosts. Hooks of the user's own stay.
    private static void LeaveNothingToChildren()
    {
        const string hooks = "DOTNET_STARTUP_HOOKS";
        var others = (Environment.GetEnvironmentVariable(hooks) ?? "").Split(Path.PathSeparator)
            .Where(hook => hook.Length > 0 && hook != typeof(StartupHook).Assembly.Location).ToArray();
        Environment.SetEnvironmentVariable(hooks, others.Length == 0 ? null : string.Join(Path.PathSeparator, others));
        Environment.SetEnvironmentVariable("KUBECTL_ASPIRE_MODEL", null);
        Environment.SetEnvironmentVariable("KUBECTL_ASPIRE_MANIFEST", null);
    }

    private sealed class Watch<T>(Action<T> next) : IObserver<T>
    {
        public void OnNext(T value)
        {
            try
            {
                next(value);
            }
            catch (Exception)
            {
                // The AppHost continues as if this were not here.
            }
        }

        public void OnCompleted() { }

        public void OnError(Exception error) { }
    }
}

internal sealed class ModelReader(IServiceProvider services, string output, string manifest)
{
    // How long one callback of the AppHost may take, and all of them.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PatienceForAll = TimeSpan.FromSeconds(10);

    // The annotations whose fields are written, by the end of their name.
    private static readonly Dictionary<string, string[]> Written = new()
    {
        ["WaitAnnotation"] = ["Resource", "WaitType", "ExitCode"],
        ["ReplicaAnnotation"] = ["Replicas"],
        ["EndpointProbeAnnotation"] =
        [
            "Type", "EndpointReference", "Path", "InitialDelaySeconds", "PeriodSeconds", "TimeoutSeconds",
            "FailureThreshold", "SuccessThreshold",
        ],
        ["HealthCheckAnnotation"] = ["Key"],
        ["ResourceRelationshipAnnotation"] = ["Resource", "Type"],
        ["ContainerFileSystemCallbackAnnotation"] = ["DestinationPath", "DefaultOwner", "DefaultGroup", "Umask"],
        ["ContainerImagePullPolicyAnnotation"] = ["ImagePullPolicy"],
        ["ContainerLifetimeAnnotation"] = ["Lifetime"],
        ["OtlpExporterAnnotation"] = ["RequiredProtocol"],
        ["DatabaseScriptAnnotation"] = ["Script"],
        ["EndpointAnnotation"] =
        [
            "Name", "Protocol", "Port", "TargetPort", "UriScheme", "Transport", "IsExternal", "IsProxied",
            "ExcludeReferenceEndpoint",
        ],
    };

    private readonly string folder = Path.GetDirectoryName(Path.GetFullPath(manifest))!;
    private readonly Stopwatch calling = new();

    // While the host stops its services are there; at the end of the process they may be gone.
    public static void ReadWhenStopping(object host, string output, string manifest)
    {
        var services = (IServiceProvider)Get(host, "Services")!;
        var life = Service(services, "Microsoft.Extensions.Hosting.Abstractions", "Microsoft.Extensions.Hosting.IHostApplicationLifetime");
        if (life is not null)
        {
            ((CancellationToken)Get(life, "ApplicationStopping")!).Register(() => new ModelReader(services, output, manifest).Read());
        }
    }

    private void Read()
    {
        try
        {
            if (Service(services, "Aspire.Hosting", "Aspire.Hosting.ApplicationModel.DistributedApplicationModel") is not { } model)
            {
                return;
            }
            var all = ((IEnumerable)Get(model, "Resources")!).Cast<object>().ToList();
            var secrets = new Secrets();
            HideValues(all, secrets);
            var resources = new JsonObject();
            foreach (var resource in all)
            {
                resources[ResourceName(resource)!] = Resource(resource);
            }
            // Only now: it fixes the value of a parameter, also for callbacks.
            foreach (var resource in all.Where(IsSecret))
            {
                secrets.Add(ResourceName(resource)!, DefaultOf(resource));
            }
            var found = new JsonArray();
            secrets.Remove(resources, found, "model");
            if (JsonNode.Parse(File.ReadAllText(manifest))?["resources"] is JsonObject written)
            {
                secrets.Remove(written, found, "manifest");
            }
            Write(new JsonObject
            {
                ["aspire"] = model.GetType().Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0],
                ["secretsFound"] = found,
                ["resources"] = resources,
            });
        }
        catch (Exception error)
        {
            // The type alone: a message can hold a value.
            TryWrite(new JsonObject { ["error"] = Cause(error) });
        }
    }

    private void TryWrite(JsonObject written)
    {
        try
        {
            Write(written);
        }
        catch (Exception)
        {
            // Without a file the program that started this says so.
        }
    }

    // A file of its owner alone, which is there whole or not at all.
    private void Write(JsonObject written)
    {
        var part = $"{output}.{Environment.ProcessId}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        using (var file = new StreamWriter(part, options))
        {
            var style = new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
            file.Write(written.ToJsonString(style));
        }
        File.Move(part, output, overwrite: true);
    }

    // From here on parameters and connection strings that code asks for have their own expression as value: a file that an
    // AppHost writes is then "password={password.value}".
    private void HideValues(List<object> resources, Secrets secrets)
    {
        var configuration = Service(services, "Microsoft.Extensions.Configuration.Abstractions", "Microsoft.Extensions.Configuration.IConfiguration");
        var item = configuration?.GetType().GetProperty("Item");
        foreach (var resource in resources)
        {
            if (item is not null && Get(resource, "ConfigurationKey") is string key)
            {
                if (IsSecret(resource))
                {
                    secrets.Add(ResourceName(resource)!, (string?)item.GetValue(configuration, [key]));
                    secrets.AddEncoded(ResourceName(resource)!, Expression(resource));
                }
                item.SetValue(configuration, Expression(resource), [key]);
            }
        }
    }

    private static string Expression(object resource) => $"{{{ResourceName(resource)}.value}}";

    private static bool IsSecret(object resource) => Get(resource, "ConfigurationKey") is string && Get(resource, "Secret") is true;

    // The value that C# gives a parameter, which no configuration changes.
    private static string? DefaultOf(object resource)
    {
        try
        {
            var value = (Get(resource, "ValueInternal") ?? Get(resource, "Value")) as string;
            return value == Expression(resource) ? null : value;
        }
        catch (Exception)
        {
            return null;
        }
    }

    private JsonObject Resource(object resource)
    {
        var annotations = new JsonArray();
        foreach (var annotation in ((IEnumerable)Get(resource, "Annotations")!).Cast<object>().ToList())
        {
            annotations.Add(Annotation(annotation, resource));
        }
        var written = new JsonObject { ["type"] = resource.GetType().FullName };
        Put(written, "parent", Get(resource, "Parent"));
        Put(written, "databaseName", Get(resource, "DatabaseName"));
        written["annotations"] = annotations;
        return written;
    }

    private JsonObject Annotation(object annotation, object resource)
    {
        var name = annotation.GetType().Name;
        var fields = new JsonObject { ["type"] = name };
        var known = Written.FirstOrDefault(entry => name.EndsWith(entry.Key, StringComparison.Ordinal)).Value ?? [];
        foreach (var field in known)
        {
            Put(fields, field, Get(annotation, field));
        }
        if (name == "ContainerFileSystemCallbackAnnotation")
        {
            Files(annotation, resource, fields);
        }
        return fields;
    }

    // The files that the AppHost puts into a container before it starts.
    private void Files(object annotation, object resource, JsonObject fields)
    {
        try
        {
            var callback = (Delegate)Get(annotation, "Callback")!;
            var context = Activator.CreateInstance(callback.Method.GetParameters()[^2].ParameterType)!;
            context.GetType().GetProperty("Model")?.SetValue(context, resource);
            context.GetType().GetProperty("ServiceProvider")?.SetValue(context, services);
            if (calling.Elapsed > PatienceForAll)
            {
                throw new TimeoutException();
            }
            using var stop = new CancellationTokenSource(Patience);
            calling.Start();
            var call = Task.Run(async () =>
            {
                var task = (Task)callback.DynamicInvoke(context, stop.Token)!;
                await task;
                return Get(task, "Result");
            });
            // It may wait for what only a run has, and need not look at its token.
            fields["Files"] = call.Wait(Patience * 1.5) ? Items((IEnumerable)call.Result!) : throw new TimeoutException();
        }
        catch (Exception error)
        {
            fields["Error"] = Cause(error);
        }
        finally
        {
            calling.Stop();
        }
    }

    // The type of the innermost exception. A message could hold a value.
    private static string Cause(Exception error) => error.InnerException is { } inner ? Cause(inner) : error.GetType().Name;

    private JsonArray Items(IEnumerable items)
    {
        var all = new JsonArray();
        foreach (var item in items)
        {
            var fields = new JsonObject { ["kind"] = item.GetType().Name };
            foreach (var field in (string[])["Name", "Contents", "SourcePath", "Owner", "Group"])
            {
                Put(fields, field, Get(item, field));
            }
            if (Get(item, "Mode") is UnixFileMode mode and not UnixFileMode.None)
            {
                fields["Mode"] = Convert.ToString((int)mode, 8).PadLeft(4, '0');
            }
            if (Get(item, "Entries") is IEnumerable entries)
            {
                fields["Entries"] = Items(entries);
            }
            all.Add(fields);
        }
        return all;
    }

    private void Put(JsonObject fields, string name, object? value)
    {
        var node = name == "SourcePath" && value is string path && Path.IsPathRooted(path)
            ? Path.GetRelativePath(folder, path).Replace('\\', '/')
            : Simple(value);
        if (node is not null)
        {
            fields[name] = node;
        }
    }

    // A value, or the name of a resource or endpoint.
    private static JsonNode? Simple(object? value) => value switch
    {
        null => null,
        string text => text,
        bool flag => flag,
        int number => number,
        Enum named => named.ToString(),
        _ when value.GetType().Name == "EndpointReference" => new JsonObject
        {
            ["resource"] = ResourceName(Get(value, "Resource")!),
            ["endpoint"] = (string?)Get(value, "EndpointName"),
        },
        _ => ResourceName(value),
    };

    private static object? Service(IServiceProvider services, string assembly, string type) =>
        AppDomain.CurrentDomain.GetAssemblies().FirstOrDefault(found => found.GetName().Name == assembly)?.GetType(type) is { } service
            ? services.GetService(service)
            : null;

    private static object? Get(object of, string property) =>
        of.GetType().GetProperty(property, BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance)?.GetValue(of);

    // None where the object is no resource.
    private static string? ResourceName(object value) =>
        value.GetType().GetInterface("Aspire.Hosting.ApplicationModel.IResource") is { } resource
            ? (string?)resource.GetProperty("Name")!.GetValue(value)
            : null;
}

// Values that must not leave this machine, as they are and in the forms that programs give them. They stay in memory.
internal sealed class Secrets
{
    // A shorter text is found by chance.
    private const int Shortest = 6;

    private readonly List<(string Parameter, string Form)> forms = [];

    public void Add(string parameter, string? value)
    {
        if (value is null || value.Length < Shortest)
        {
            return;
        }
        forms.Add((parameter, value));
        forms.Add((parameter, JsonSerializer.Serialize(value)[1..^1]));
        forms.Add((parameter, JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(value)));
        AddEncoded(parameter, value);
    }

    // Encoded forms. An encoded expression is no longer an expression: a program would decode it to the name of a parameter.
    public void AddEncoded(string parameter, string value)
    {
        forms.Add((parameter, Uri.EscapeDataString(value)));
        var bytes = Encoding.UTF8.GetBytes(value);
        for (var before = 0; before < 3; before++)
        {
            // Of the characters at both ends some bits belong to what stands beside the value.
            var text = Convert.ToBase64String([.. new byte[before], .. bytes]).TrimEnd('=');
            var end = (before + bytes.Length) % 3 == 0 ? text.Length : text.Length - 1;
            forms.Add((parameter, text[(before == 0 ? 0 : before + 1)..end]));
        }
    }

    // Takes out the texts that hold one, and says where.
    public void Remove(JsonObject resources, JsonArray found, string where)
    {
        foreach (var (resource, node) in resources)
        {
            Remove(node, "", (field, parameter) =>
                found.Add(new JsonObject { ["in"] = where, ["resource"] = resource, ["field"] = field, ["parameter"] = parameter }));
        }
    }

    // Whether the node is a text that holds one.
    private bool Remove(JsonNode? node, string field, Action<string, string> tell)
    {
        switch (node)
        {
            case JsonObject fields:
                foreach (var (key, value) in fields.ToList())
                {
                    if (Remove(value, field.Length == 0 ? key : $"{field}.{key}", tell))
                    {
                        fields[key] = null;
                    }
                }
                return false;
            case JsonArray items:
                for (var index = 0; index < items.Count; index++)
                {
                    if (Remove(items[index], $"{field}[{index}]", tell))
                    {
                        items[index] = null;
                    }
                }
                return false;
            case JsonValue value when value.TryGetValue<string>(out var text):
                var parameter = forms.FirstOrDefault(form => text.Contains(form.Form, StringComparison.Ordinal)).Parameter;
                if (parameter is not null)
                {
                    tell(field, parameter);
                }
                return parameter is not null;
            default:
                return false;
        }
    }
}
