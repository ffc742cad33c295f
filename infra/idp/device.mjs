// Where people bring the code that a command line shows them: they enter it, see whose it is, say yes, and sign in as everybody does.
import { style } from "./sign-in.mjs";

const page = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>${style}
  input { width: 100%; box-sizing: border-box; margin: 0 0 .5rem; padding: .6rem .8rem; font: inherit; letter-spacing: .15em; text-transform: uppercase }
</style><h1>${title}</h1>${body}`;

const escape = (text) => String(text ?? "").replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

export const devicePages = {
  userCodeInputSource(ctx, form, _, error) {
    const why = error && (error.userCode || error.name === "NoCodeError" ? "This is no code that waits." : "That did not work: try again.");
    ctx.type = "html";
    ctx.body = page("Development identity provider", `<p>${why ?? "Which code does your command line show?"}</p>${form}
<button type="submit" form="op.deviceInputForm"><span>Continue</span></button>`);
  },
  userCodeConfirmSource(ctx, form, client, _, userCode) {
    ctx.type = "html";
    ctx.body = page("Is this your code?", `<p>${escape(client.clientName)} shows <strong>${escape(userCode)}</strong>. Go on only if yours does.</p>${form}
<button type="submit" form="op.deviceConfirmForm" autofocus><span>Yes: sign me in there</span></button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes"><span>No</span></button>`);
  },
  successSource(ctx) {
    ctx.type = "html";
    ctx.body = page("Signed in", "<p>Your command line goes on by itself. You can close this page.</p>");
  },
};
