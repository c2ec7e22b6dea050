import type { LayoutServerLoad } from "./$types";

/** Whether a session cookie came along. The API alone knows if it is good; a stranger's page need not ask. */
export const load: LayoutServerLoad = ({ cookies }) => ({
  hasSession: cookies.getAll().some(({ name }) => name.endsWith("aiforge.session_token")),
});
