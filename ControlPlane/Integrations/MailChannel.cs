using System.Net.Sockets;
using AccessPlane.ControlPlane.Http;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>News by SMTP, to the addresses of the groups whose news it is.</summary>
internal sealed class MailChannel(DestinationOptions options, string url) : INewsChannel
{
    public async Task<Attempt> Tell(News news, CancellationToken cancel)
    {
        // what is nobody's in particular is everybody's here
        var to = options.To.Where(g => news.Groups.Count == 0 || news.Groups.Contains(g.Key)).SelectMany(g => g.Value).Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        if (to.Count == 0)
        {
            return Attempt.Delivered;
        }
        var smtp = options.Smtp;
        using var trust = smtp.RootCertificate is { } roots ? new MailTrust(roots) : null;
        using var client = new Client();
        client.Timeout = (int)options.Timeout.TotalMilliseconds;
        if (trust is not null)
        {
            client.ServerCertificateValidationCallback = (_, certificate, chain, problems) => trust.IsTrusted(certificate, chain, problems);
        }
        try
        {
            using var mail = MailMessages.Of(news, smtp.From, to, url);
            await client.ConnectAsync(smtp.Host, smtp.Port, Tls(smtp), cancel);
            if (smtp.User is { } user)
            {
                if (client.AuthenticationMechanisms.Count == 0)
                {
                    return Attempt.Failed("offers no login");
                }
                await client.AuthenticateAsync(user, SecretFiles.Read(smtp.PasswordFile!), cancel);
            }
            await client.SendAsync(mail, cancel);
            // it was taken: whether the goodbye is heard changes nothing
            await client.DisconnectAsync(quit: false, CancellationToken.None);
            return Attempt.Delivered;
        }
        catch (SmtpCommandException unwanted) when (unwanted is { ErrorCode: SmtpErrorCode.MessageNotAccepted, StatusCode: >= (SmtpStatusCode)500 })
        {
            return Attempt.Unwanted($"answers {(int)unwanted.StatusCode}");
        }
        catch (SmtpCommandException refused)
        {
            return Attempt.Failed($"answers {(int)refused.StatusCode}");
        }
        catch (Exception failure) when (failure is SslHandshakeException || (failure is NotSupportedException && !client.IsConnected))
        {
            return Attempt.Failed("offers no TLS that can be trusted");
        }
        catch (AuthenticationException)
        {
            return Attempt.Failed("does not take the user and the password");
        }
        catch (Exception failure) when (failure is NotSupportedException or ProtocolException or ServiceNotAuthenticatedException or SocketException or IOException)
        {
            return Attempt.Failed($"cannot be used: {failure.GetType().Name}");
        }
    }

    /// <summary>An address that does not exist (5xx) is passed over: the others would never get a mail again. Where none is left, the mail fails.</summary>
    private sealed class Client : SmtpClient
    {
        protected override void OnRecipientNotAccepted(MimeMessage message, MailboxAddress mailbox, SmtpResponse response)
        {
            if ((int)response.StatusCode < 500)
            {
                base.OnRecipientNotAccepted(message, mailbox, response);
            }
        }

        protected override void OnNoRecipientsAccepted(MimeMessage message) =>
            throw new SmtpCommandException(SmtpErrorCode.RecipientNotAccepted, SmtpStatusCode.MailboxUnavailable, "");
    }

    private static SecureSocketOptions Tls(SmtpOptions smtp) =>
        smtp.ImplicitTls ? SecureSocketOptions.SslOnConnect
        : smtp.RequireTls ?? !MailText.IsLoopback(smtp.Host) ? SecureSocketOptions.StartTls
        : SecureSocketOptions.StartTlsWhenAvailable;
}
