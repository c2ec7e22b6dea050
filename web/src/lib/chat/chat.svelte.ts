import { type ApiError, api, asApiError, type ChatMessage, type Conversation } from "../api/index.ts";
import { readChatEvents } from "./sse.ts";

export interface ShownMessage extends ChatMessage {
  /** Whether more of it is on its way. */
  streaming?: boolean;
}

/** One conversation on screen. */
export class ChatState {
  conversation = $state.raw<Conversation | null>(null);
  messages = $state<ShownMessage[]>([]);
  error = $state.raw<ApiError | null>(null);
  loading = $state(false);
  #abort: AbortController | null = null;
  #streaming = $state(false);

  get streaming(): boolean {
    return this.#streaming;
  }

  /** Shows a saved conversation, or an empty one for null. */
  async open(conversationId: string | null): Promise<void> {
    if (this.#streaming && this.conversation?.id === conversationId) return;
    this.stop();
    this.error = null;
    if (conversationId === null) {
      this.conversation = null;
      this.messages = [];
      return;
    }
    this.loading = true;
    try {
      const { conversation, messages } = await api.chat.get(conversationId);
      this.conversation = conversation;
      this.messages = messages;
    } catch (error) {
      this.error = asApiError(error);
    } finally {
      this.loading = false;
    }
  }

  /** Stops the answer where it is; what has arrived is kept, here and on the server. */
  stop = (): void => {
    this.#abort?.abort();
  };

  /**
   * Sends a message and shows the answer as it arrives. The first message begins the conversation.
   * @param onBegun called with a new conversation, before the answer.
   */
  async send(content: string, modelId: string, onBegun: (conversation: Conversation) => void): Promise<void> {
    if (this.#streaming) return;
    this.#streaming = true;
    this.error = null;
    const abort = new AbortController();
    this.#abort = abort;
    this.messages.push({ id: crypto.randomUUID(), role: "user", content });
    this.messages.push({ id: crypto.randomUUID(), role: "assistant", content: "", streaming: true });
    const at = this.messages.length - 1;
    const answer = () => this.messages[at] as ShownMessage;
    try {
      if (!this.conversation) {
        this.conversation = await api.chat.create({ modelId });
        onBegun(this.conversation);
      }
      const response = await api.chat.send(this.conversation.id, content, abort.signal);
      if (!response.body) throw new Error("The answer has no body.");
      for await (const event of readChatEvents(response.body)) {
        if (event.type === "start") answer().id = event.assistantMessageId;
        else if (event.type === "delta") answer().content += event.text;
        else if (event.type === "done") answer().finishReason = event.finishReason;
        else if (event.type === "error") this.error = asApiError(new Error(event.message));
      }
    } catch (error) {
      if (abort.signal.aborted) answer().finishReason = "stopped";
      else this.error = asApiError(error);
    } finally {
      answer().streaming = false;
      if (!answer().content && this.error) this.messages.splice(at, 1);
      this.#streaming = false;
      this.#abort = null;
    }
  }
}
