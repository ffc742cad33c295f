using System.Net;
using System.Security.Claims;
using System.Text.RegularExpressions;
using AccessPlane.ControlPlane.Console;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Routing;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.AspNetCore.Components.Web.HtmlRendering;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Integration.Console;

/// <summary>A page of the console before somebody who has signed in, without a browser: what it says, now and later.</summary>
internal sealed class ShownPage : IAsyncDisposable
{
    /// <summary>With which a control plane has a console.</summary>
    public static readonly string[] Settings = ["--Console:ClientId=console", "--Console:ClientSecret=a-secret-of-the-console"];

    private readonly AsyncServiceScope circuit;
    private readonly HtmlRenderer renderer;
    private readonly HtmlRootComponent page;

    private ShownPage(AsyncServiceScope circuit, HtmlRenderer renderer, HtmlRootComponent page) => (this.circuit, this.renderer, this.page) = (circuit, renderer, page);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <param name="page">A component with a route.</param>
    /// <param name="parameters">Of its address.</param>
    public static async Task<ShownPage> To(ControlPlaneHost host, Type page, string who, string group, params (string Name, object? Value)[] parameters)
    {
        var circuit = host.Services.CreateAsyncScope();
        await SignIn(host, circuit.ServiceProvider, who, group);
        ((IHostEnvironmentNavigationManager)circuit.ServiceProvider.GetRequiredService<NavigationManager>()).Initialize("https://accessplane.example/", "https://accessplane.example/console/");
        var renderer = new HtmlRenderer(new Patient(circuit.ServiceProvider), NullLoggerFactory.Instance);
        var shown = await renderer.Dispatcher.InvokeAsync(async () => await renderer.RenderComponentAsync(page, ParameterView.FromDictionary(parameters.ToDictionary(p => p.Name, p => p.Value))));
        return new ShownPage(circuit, renderer, shown);
    }

    private static async Task SignIn(ControlPlaneHost host, IServiceProvider circuit, string who, string group)
    {
        var token = host.Issuer.Token(who, TimeProvider.System.GetUtcNow(), group);
        host.Secrets.Sweep.Knows("an access token", token);
        var person = new ClaimsPrincipal(new ClaimsIdentity([new Claim("accessplane:token", token)], "Console"));
        ((IHostEnvironmentAuthenticationStateProvider)circuit.GetRequiredService<AuthenticationStateProvider>()).SetAuthenticationState(Task.FromResult(new AuthenticationState(person)));
        var signedIn = circuit.GetRequiredService<SignedIn>();
        // where this machine is very busy the issuer's keys may not be here yet
        await Integrations.Receiver.Until(async () =>
        {
            await signedIn.Begin(Cancel);
            return signedIn.Who is not null;
        }, () => $"{who} is not let in");
    }

    /// <summary>As a browser gets it.</summary>
    public Task<string> Html() => renderer.Dispatcher.InvokeAsync(() => page.ToHtmlString());

    /// <summary>What can be read on it.</summary>
    public async Task<string> Text() => Regex.Replace(WebUtility.HtmlDecode(Regex.Replace(await Html(), "<[^>]*>", " ")), @"\s+", " ");

    /// <summary>Waits until it says all of that, by itself.</summary>
    /// <param name="meanwhile">What happens until it does.</param>
    /// <returns>What can be read on it then.</returns>
    public async Task<string> Comes(IReadOnlyCollection<string> says, Func<Task>? meanwhile = null)
    {
        var text = "";
        await Integrations.Receiver.Until(async () =>
        {
            await (meanwhile?.Invoke() ?? Task.CompletedTask);
            text = await Text();
            return says.All(s => text.Contains(s, StringComparison.Ordinal));
        }, () => $"it does not say `{string.Join("`, `", says)}`: {text}");
        return text;
    }

    public async ValueTask DisposeAsync()
    {
        await renderer.DisposeAsync();
        await circuit.DisposeAsync();
    }

    /// <summary>Pages look again from time to time, whatever they hear; here they never do, so that what changes has come by news.</summary>
    private sealed class Patient(IServiceProvider circuit) : TimeProvider, IServiceProvider
    {
        private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);

        public object? GetService(Type serviceType) => serviceType == typeof(TimeProvider) ? this : circuit.GetService(serviceType);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime >= Long ? Timeout.InfiniteTimeSpan : dueTime, period);
    }
}
