// Where people sign in: a page that lists who there is. No password is asked for: whoever reaches this provider is anybody.
import { identities } from "./identities.mjs";

export const style = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  body { max-width: 26rem; margin: 12vh auto 0; padding: 0 1rem }
  h1 { font-size: 1.25rem; margin: 0 } p { opacity: .75; margin: .25rem 0 1.25rem }
  button { display: flex; justify-content: space-between; width: 100%; margin: 0 0 .5rem; padding: .6rem .8rem; font: inherit; text-align: left;
    border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: 8px; background: transparent; cursor: pointer }
  button:hover, button:focus-visible { background: color-mix(in srgb, currentColor 8%, transparent) }
  small { opacity: .75 }`;

const page = (people) => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in</title><style>${style}</style><h1>Development identity provider</h1><p>Who are you? Here everybody is believed.</p>
<form method="post">${people.map(({ id, name, groups }) =>
  `<button name="who" value="${id}"><span>${name}</span><small>${groups.join(", ")}</small></button>`).join("")}</form>`;

// those who act themselves: an agent acting for somebody does not sit at a browser
const people = (issuer) => Object.entries(identities)
  .map(([id, claims]) => ({ id, ...claims(issuer) }))
  .filter(({ kind, act }) => kind === "person" && !act);

async function form(request) {
  let body = "";
  for await (const chunk of request) {
    body += chunk;
    if (body.length > 1024) throw new Error("too long");
  }
  return new URLSearchParams(body);
}

export const signInPage = (provider, issuer) => async (ctx, next) => {
  if (!ctx.path.startsWith("/sign-in/")) return next();
  await provider.interactionDetails(ctx.req, ctx.res);
  const listed = people(issuer);
  if (ctx.method === "POST") {
    const who = (await form(ctx.req)).get("who");
    if (!listed.some(({ id }) => id === who)) return ctx.throw(400, "nobody of that name");
    ctx.respond = false;
    return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: who } }, { mergeWithLastSubmission: false });
  }
  ctx.set("Cache-Control", "no-store");
  ctx.type = "html";
  ctx.body = page(listed);
};
