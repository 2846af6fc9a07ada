// What a person does on the hosted pages and on the simulated providers' pages.

export const password = 'Correct-Horse-42';

/** Fills the log-in form in and sends it. */
export async function logIn(page, email, secret = password) {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(secret);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
}

/** Goes from the log-in page to the sign-up page and creates an account. */
export async function signUp(page, { email, secret = password, ...fields }) {
  if (!new URL(page.url()).pathname.endsWith('/u/signup')) await page.getByRole('link', { name: 'Sign up' }).click();
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(secret);
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label).fill(value);
  await page.getByRole('button', { name: 'Create account' }).click();
}

/** Chooses a provider on the log-in page, and a person at the simulated provider. */
export async function logInWith(page, provider, person) {
  await page.getByRole('link', { name: `Continue with ${provider}` }).click();
  await choose(page, person);
}

/** Chooses a person at a simulated provider. */
export async function choose(page, person) {
  await page.getByRole('heading', { name: 'Continue as whom?' }).waitFor();
  await page.getByRole('button', { name: person }).click();
}
