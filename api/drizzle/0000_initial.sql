CREATE SCHEMA "app";
--> statement-breakpoint
CREATE TABLE "app"."operator_transactions" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"chain" text NOT NULL,
	"key" text NOT NULL,
	"function" text NOT NULL,
	"args" jsonb NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"nonce" integer,
	"raw_tx" text,
	"tx_hash" text,
	"signed_at" timestamp with time zone,
	"error" text,
	"attempts" integer DEFAULT 0 NOT NULL,
	"retry_at" timestamp with time zone,
	"block_number" numeric(78, 0),
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "operator_transactions_key_unique" UNIQUE("key")
);
--> statement-breakpoint
CREATE TABLE "app"."account" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"account_id" text NOT NULL,
	"provider_id" text NOT NULL,
	"user_id" uuid NOT NULL,
	"access_token" text,
	"refresh_token" text,
	"id_token" text,
	"access_token_expires_at" timestamp with time zone,
	"refresh_token_expires_at" timestamp with time zone,
	"scope" text,
	"password" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."jwks" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"public_key" text NOT NULL,
	"private_key" text NOT NULL,
	"alg" text,
	"crv" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "app"."rate_limits" (
	"key" text PRIMARY KEY NOT NULL,
	"points" integer DEFAULT 0 NOT NULL,
	"expire" bigint
);
--> statement-breakpoint
CREATE TABLE "app"."session" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"token" text NOT NULL,
	"user_id" uuid NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"ip_address" text,
	"user_agent" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "session_token_unique" UNIQUE("token")
);
--> statement-breakpoint
CREATE TABLE "app"."user" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"name" text NOT NULL,
	"email" text NOT NULL,
	"email_verified" boolean DEFAULT false NOT NULL,
	"image" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "user_email_unique" UNIQUE("email")
);
--> statement-breakpoint
CREATE TABLE "app"."verification" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"identifier" text NOT NULL,
	"value" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."conversations" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"model_id" uuid NOT NULL,
	"title" text,
	"answering_until" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."messages" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"conversation_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"role" text NOT NULL,
	"content" text NOT NULL,
	"finish_reason" text,
	"prompt_tokens" integer,
	"completion_tokens" integer,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."files" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid,
	"node_id" uuid,
	"cid" text NOT NULL,
	"sha256" text NOT NULL,
	"size" bigint NOT NULL,
	"name" text NOT NULL,
	"purpose" text NOT NULL,
	"attempt_id" uuid,
	"job_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."revenue_statements" (
	"model_id" uuid NOT NULL,
	"month" integer NOT NULL,
	"statement" jsonb NOT NULL,
	"frozen_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "revenue_statements_model_id_month_pk" PRIMARY KEY("model_id","month")
);
--> statement-breakpoint
CREATE TABLE "app"."split_drafts" (
	"model_id" uuid PRIMARY KEY NOT NULL,
	"split_id" text NOT NULL,
	"members" jsonb NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."group_members" (
	"group_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"role" text NOT NULL,
	"joined_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "group_members_group_id_user_id_pk" PRIMARY KEY("group_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "app"."groups" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"name" text NOT NULL,
	"personal_of" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "groups_personal_of_unique" UNIQUE("personal_of")
);
--> statement-breakpoint
CREATE TABLE "app"."job_attempts" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"job_id" uuid NOT NULL,
	"no" integer NOT NULL,
	"node_id" uuid NOT NULL,
	"state" text DEFAULT 'offered' NOT NULL,
	"lease_expires_at" timestamp with time zone NOT NULL,
	"assigned_at" timestamp with time zone DEFAULT now() NOT NULL,
	"accepted_at" timestamp with time zone,
	"started_at" timestamp with time zone,
	"uploading_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	"instance" uuid,
	"exit_code" integer,
	"container_seconds" double precision,
	"failure_code" text,
	"failure_message" text,
	"stats" jsonb,
	"last_seq" integer DEFAULT 0 NOT NULL,
	"log_bytes" integer DEFAULT 0 NOT NULL,
	"claimed" jsonb,
	"assignment" jsonb,
	"assignment_signature" text,
	"cpu_millis" integer NOT NULL,
	"memory_mb" integer NOT NULL,
	"gpus" integer NOT NULL,
	"disk_mb" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."job_clock" (
	"id" integer PRIMARY KEY NOT NULL,
	"looked_at" timestamp with time zone NOT NULL,
	"resumed_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."job_events" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"job_id" uuid NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"from_state" text,
	"to_state" text NOT NULL,
	"by" text NOT NULL,
	"reason" text NOT NULL,
	"detail" text,
	"attempt" integer
);
--> statement-breakpoint
CREATE TABLE "app"."job_logs" (
	"attempt_id" uuid NOT NULL,
	"seq" integer NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"stream" text NOT NULL,
	"text" text NOT NULL,
	CONSTRAINT "job_logs_attempt_id_seq_pk" PRIMARY KEY("attempt_id","seq")
);
--> statement-breakpoint
CREATE TABLE "app"."job_samples" (
	"attempt_id" uuid NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"cpu" double precision NOT NULL,
	"memory_bytes" double precision NOT NULL,
	"gpu" double precision,
	CONSTRAINT "job_samples_attempt_id_at_pk" PRIMARY KEY("attempt_id","at")
);
--> statement-breakpoint
CREATE TABLE "app"."jobs" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"group_id" uuid,
	"account" text NOT NULL,
	"name" text NOT NULL,
	"template" text,
	"spec" jsonb NOT NULL,
	"spec_hash" text NOT NULL,
	"weights" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"state" text DEFAULT 'quoted' NOT NULL,
	"state_since" timestamp with time zone DEFAULT now() NOT NULL,
	"price" numeric(78, 0) NOT NULL,
	"chain" text NOT NULL,
	"wallet" text NOT NULL,
	"onchain_id" text NOT NULL,
	"deadline" timestamp with time zone NOT NULL,
	"salt" text NOT NULL,
	"payment_id" uuid,
	"attempts_left" integer NOT NULL,
	"attempt_no" integer DEFAULT 0 NOT NULL,
	"node_id" uuid,
	"progress" double precision,
	"output_cid" text,
	"outputs" jsonb,
	"result_hash" text,
	"container_seconds" double precision,
	"failure_code" text,
	"failure_message" text,
	"try_at" timestamp with time zone DEFAULT now() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"funded_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	"settled_at" timestamp with time zone,
	CONSTRAINT "jobs_onchain_id_unique" UNIQUE("onchain_id")
);
--> statement-breakpoint
CREATE TABLE "app"."api_keys" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"name" text NOT NULL,
	"prefix" text NOT NULL,
	"secret_hash" text NOT NULL,
	"scopes" text[] DEFAULT '{models}' NOT NULL,
	"model_ids" uuid[],
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"last_used_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "api_keys_secret_hash_unique" UNIQUE("secret_hash")
);
--> statement-breakpoint
CREATE TABLE "app"."usage" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"key_id" uuid,
	"model_id" uuid NOT NULL,
	"entitlement" text NOT NULL,
	"plan" integer,
	"account" text NOT NULL,
	"weights_cid" text,
	"node_id" uuid,
	"prompt_tokens" integer,
	"completion_tokens" integer,
	"price_pico" bigint NOT NULL,
	"outcome" text NOT NULL,
	"error_code" text,
	"started_at" timestamp with time zone NOT NULL,
	"first_token_at" timestamp with time zone,
	"ended_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."service_terms" (
	"model_id" uuid PRIMARY KEY NOT NULL,
	"price_month" numeric(78, 0) NOT NULL,
	"price_sale" numeric(78, 0) NOT NULL,
	"price_input" numeric(78, 0) NOT NULL,
	"price_output" numeric(78, 0) NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."model_versions" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"model_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"note" text DEFAULT '' NOT NULL,
	"created_by" uuid,
	"job_id" uuid,
	"job_path" text,
	"state" text NOT NULL,
	"upload_id" text NOT NULL,
	"error" text,
	"file_name" text NOT NULL,
	"size" bigint NOT NULL,
	"cid" text,
	"sha256" text,
	"sealed_key" text,
	"plain_sha256" text,
	"plain_cid" text,
	"stored_size" bigint,
	"gguf" jsonb,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"served_at" timestamp with time zone,
	CONSTRAINT "model_versions_upload_id_unique" UNIQUE("upload_id"),
	CONSTRAINT "model_versions_number" UNIQUE("model_id","number"),
	CONSTRAINT "model_versions_job" UNIQUE("model_id","job_id","job_path")
);
--> statement-breakpoint
CREATE TABLE "app"."models" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"group_id" uuid NOT NULL,
	"created_by" uuid,
	"name" text NOT NULL,
	"slug" text NOT NULL,
	"description" text NOT NULL,
	"license" text NOT NULL,
	"tags" text[] NOT NULL,
	"in_plans" boolean DEFAULT true NOT NULL,
	"weights" text DEFAULT 'protected' NOT NULL,
	"served_version_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "models_slug_unique" UNIQUE("slug")
);
--> statement-breakpoint
CREATE TABLE "app"."node_invites" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"token_hash" text NOT NULL,
	"created_by" uuid,
	"used_by_node" uuid,
	"used_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "node_invites_token_hash_unique" UNIQUE("token_hash")
);
--> statement-breakpoint
CREATE TABLE "app"."node_probes" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"node_id" uuid NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"kind" text NOT NULL,
	"model_id" uuid,
	"ok" boolean NOT NULL,
	"ms" integer NOT NULL,
	"detail" text
);
--> statement-breakpoint
CREATE TABLE "app"."node_samples" (
	"node_id" uuid NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"figures" jsonb NOT NULL,
	CONSTRAINT "node_samples_node_id_at_pk" PRIMARY KEY("node_id","at")
);
--> statement-breakpoint
CREATE TABLE "app"."nodes" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"address" text NOT NULL,
	"name" text NOT NULL,
	"token_hash" text NOT NULL,
	"capabilities" jsonb NOT NULL,
	"version" text,
	"capacity" integer,
	"figures" jsonb,
	"models" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"offered" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"last_heartbeat_at" timestamp with time zone,
	"connected" boolean DEFAULT false NOT NULL,
	"connection" uuid,
	"verified_at" timestamp with time zone,
	"deactivated_at" timestamp with time zone,
	"deactivated_by" uuid,
	"deactivated_reason" text,
	"jobs" jsonb,
	"jobs_enabled" boolean DEFAULT false NOT NULL,
	"draining" boolean DEFAULT false NOT NULL,
	"cpu_millis" integer DEFAULT 0 NOT NULL,
	"memory_mb" integer DEFAULT 0 NOT NULL,
	"gpus" integer DEFAULT 0 NOT NULL,
	"disk_mb" integer DEFAULT 0 NOT NULL,
	"concurrency" integer DEFAULT 0 NOT NULL,
	"job_network" boolean DEFAULT false NOT NULL,
	"any_image" boolean DEFAULT false NOT NULL,
	"images" text[] DEFAULT '{}' NOT NULL,
	"rate_cpu" numeric(78, 0) DEFAULT 0 NOT NULL,
	"rate_memory" numeric(78, 0) DEFAULT 0 NOT NULL,
	"rate_gpu" numeric(78, 0) DEFAULT 0 NOT NULL,
	"used_cpu_millis" integer DEFAULT 0 NOT NULL,
	"used_memory_mb" integer DEFAULT 0 NOT NULL,
	"used_gpus" integer DEFAULT 0 NOT NULL,
	"used_disk_mb" integer DEFAULT 0 NOT NULL,
	"running_jobs" integer DEFAULT 0 NOT NULL,
	"completed" integer DEFAULT 0 NOT NULL,
	"failed" integer DEFAULT 0 NOT NULL,
	"probe_score" real DEFAULT 1 NOT NULL,
	"probe_passed_at" timestamp with time zone,
	"probe_failed_at" timestamp with time zone,
	"probe_due_at" timestamp with time zone,
	"probe" jsonb,
	"probe_sent_at" timestamp with time zone,
	"instance" uuid,
	"past_instances" uuid[] DEFAULT '{}' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "nodes_token_hash_unique" UNIQUE("token_hash"),
	CONSTRAINT "nodes_address_name" UNIQUE("address","name")
);
--> statement-breakpoint
CREATE TABLE "app"."notification_deliveries" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"notification_id" uuid NOT NULL,
	"channel" text NOT NULL,
	"webhook_id" uuid,
	"state" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_error" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "app"."notification_preferences" (
	"user_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"in_app" boolean NOT NULL,
	"email" boolean NOT NULL,
	"webhook" boolean NOT NULL,
	CONSTRAINT "notification_preferences_user_id_kind_pk" PRIMARY KEY("user_id","kind")
);
--> statement-breakpoint
CREATE TABLE "app"."notifications" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"no" bigserial NOT NULL,
	"user_id" uuid NOT NULL,
	"key" text NOT NULL,
	"kind" text NOT NULL,
	"title" text NOT NULL,
	"body" text NOT NULL,
	"link" text NOT NULL,
	"data" jsonb NOT NULL,
	"in_app" boolean NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"read_at" timestamp with time zone,
	CONSTRAINT "notifications_no_unique" UNIQUE("no")
);
--> statement-breakpoint
CREATE TABLE "app"."webhooks" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"url" text NOT NULL,
	"sealed_secret" text NOT NULL,
	"sealed_old_secret" text,
	"old_secret_until" timestamp with time zone,
	"enabled" boolean DEFAULT true NOT NULL,
	"disabled_reason" text,
	"failures" integer DEFAULT 0 NOT NULL,
	"last_status" integer,
	"last_error" text,
	"last_attempt_at" timestamp with time zone,
	"last_success_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."cashier_orders" (
	"seq" bigserial PRIMARY KEY NOT NULL,
	"chain" text NOT NULL,
	"transfer_id" uuid,
	"kind" text NOT NULL,
	"amount" numeric(78, 0) NOT NULL,
	"call" jsonb NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"signer" text NOT NULL,
	"carrier_seq" bigint,
	"nonce" integer,
	"tx_hash" text,
	"refusal" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."cashier_transactions" (
	"chain" text NOT NULL,
	"hash" text NOT NULL,
	"order_seq" bigint NOT NULL,
	"nonce" integer NOT NULL,
	"raw" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "cashier_transactions_chain_hash_pk" PRIMARY KEY("chain","hash")
);
--> statement-breakpoint
CREATE TABLE "app"."incoming_transfers" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"chain" text NOT NULL,
	"tx_hash" text NOT NULL,
	"log_index" integer NOT NULL,
	"sender" text NOT NULL,
	"amount" numeric(78, 0) NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"payment_id" uuid,
	"outcome" text NOT NULL,
	"code" text NOT NULL,
	"payee" text,
	"decided_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."transfer_assignments" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"transfer_id" uuid NOT NULL,
	"assigned_by" uuid NOT NULL,
	"assigned_at" timestamp with time zone DEFAULT now() NOT NULL,
	"payment_id" uuid,
	"payee" text NOT NULL,
	"note" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."transfer_reservations" (
	"chain" text NOT NULL,
	"recipient" text NOT NULL,
	"amount" numeric(78, 0) NOT NULL,
	"payment_id" uuid NOT NULL,
	"until" timestamp with time zone NOT NULL,
	CONSTRAINT "transfer_reservations_chain_recipient_amount_pk" PRIMARY KEY("chain","recipient","amount"),
	CONSTRAINT "transfer_reservations_payment_id_unique" UNIQUE("payment_id")
);
--> statement-breakpoint
CREATE TABLE "app"."payments" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"purpose" text NOT NULL,
	"chain" text NOT NULL,
	"wallet" text NOT NULL,
	"model_id" uuid,
	"onchain_id" text NOT NULL,
	"account" text NOT NULL,
	"months" integer NOT NULL,
	"amount" numeric(78, 0) NOT NULL,
	"fee" numeric(78, 0) NOT NULL,
	"treasury" text NOT NULL,
	"split_id" text,
	"members" jsonb NOT NULL,
	"daily_cap" numeric(78, 0),
	"call" jsonb NOT NULL,
	"transfer_amount" numeric(78, 0),
	"quoted_block" numeric(78, 0) NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"tx_hash" text,
	"log_index" integer,
	"matched_at" timestamp with time zone,
	"reorged_at" timestamp with time zone,
	"seen_hash" text,
	"failure" jsonb
);
--> statement-breakpoint
CREATE TABLE "app"."onchain_models" (
	"chain" text NOT NULL,
	"onchain_id" text NOT NULL,
	"model_id" uuid NOT NULL,
	"owner" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "onchain_models_chain_onchain_id_pk" PRIMARY KEY("chain","onchain_id")
);
--> statement-breakpoint
CREATE TABLE "app"."distribution_models" (
	"chain" text NOT NULL,
	"aiforge" text NOT NULL,
	"month" integer NOT NULL,
	"attempt" integer NOT NULL,
	"onchain_id" text NOT NULL,
	"split_id" text NOT NULL,
	"tokens" numeric(78, 0) NOT NULL,
	"amount" numeric(78, 0) NOT NULL,
	CONSTRAINT "distribution_models_chain_aiforge_month_attempt_onchain_id_pk" PRIMARY KEY("chain","aiforge","month","attempt","onchain_id")
);
--> statement-breakpoint
CREATE TABLE "app"."distributions" (
	"chain" text NOT NULL,
	"aiforge" text NOT NULL,
	"month" integer NOT NULL,
	"attempt" integer NOT NULL,
	"state" text NOT NULL,
	"inputs" text NOT NULL,
	"root" text,
	"total" numeric(78, 0) NOT NULL,
	"pool" numeric(78, 0) NOT NULL,
	"carry" numeric(78, 0) NOT NULL,
	"cid" text,
	"note" text,
	"raw_tx" text,
	"tx_hash" text,
	"tx_nonce" bigint,
	"signed_at" timestamp with time zone,
	"active_at" timestamp with time zone,
	"computed_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "distributions_chain_aiforge_month_attempt_pk" PRIMARY KEY("chain","aiforge","month","attempt")
);
--> statement-breakpoint
CREATE TABLE "app"."plan_cancellations" (
	"account" text PRIMARY KEY NOT NULL,
	"purchase_id" text NOT NULL,
	"cancelled_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."plan_reservations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"month" date NOT NULL,
	"tokens" bigint NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."plan_usage" (
	"account" text PRIMARY KEY NOT NULL,
	"day" date NOT NULL,
	"requests" integer NOT NULL,
	"month" date NOT NULL,
	"tokens" bigint NOT NULL,
	"granted" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."wallet_challenges" (
	"nonce" text PRIMARY KEY NOT NULL,
	"purpose" text NOT NULL,
	"chain" text NOT NULL,
	"address" text NOT NULL,
	"user_id" uuid,
	"message" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "app"."wallets" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"chain" text NOT NULL,
	"address" text NOT NULL,
	"linked_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "app"."account" ADD CONSTRAINT "account_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."session" ADD CONSTRAINT "session_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversations" ADD CONSTRAINT "conversations_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversations" ADD CONSTRAINT "conversations_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "app"."models"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."messages" ADD CONSTRAINT "messages_conversation_id_conversations_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "app"."conversations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."files" ADD CONSTRAINT "files_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."files" ADD CONSTRAINT "files_node_id_nodes_id_fk" FOREIGN KEY ("node_id") REFERENCES "app"."nodes"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."revenue_statements" ADD CONSTRAINT "revenue_statements_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "app"."models"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."split_drafts" ADD CONSTRAINT "split_drafts_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "app"."models"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."group_members" ADD CONSTRAINT "group_members_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "app"."groups"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."group_members" ADD CONSTRAINT "group_members_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."groups" ADD CONSTRAINT "groups_personal_of_user_id_fk" FOREIGN KEY ("personal_of") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."job_attempts" ADD CONSTRAINT "job_attempts_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "app"."jobs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."job_attempts" ADD CONSTRAINT "job_attempts_node_id_nodes_id_fk" FOREIGN KEY ("node_id") REFERENCES "app"."nodes"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."job_events" ADD CONSTRAINT "job_events_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "app"."jobs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."job_logs" ADD CONSTRAINT "job_logs_attempt_id_job_attempts_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "app"."job_attempts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."job_samples" ADD CONSTRAINT "job_samples_attempt_id_job_attempts_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "app"."job_attempts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."jobs" ADD CONSTRAINT "jobs_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."jobs" ADD CONSTRAINT "jobs_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "app"."groups"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."jobs" ADD CONSTRAINT "jobs_payment_id_payments_id_fk" FOREIGN KEY ("payment_id") REFERENCES "app"."payments"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."jobs" ADD CONSTRAINT "jobs_node_id_nodes_id_fk" FOREIGN KEY ("node_id") REFERENCES "app"."nodes"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."api_keys" ADD CONSTRAINT "api_keys_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."service_terms" ADD CONSTRAINT "service_terms_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "app"."models"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."model_versions" ADD CONSTRAINT "model_versions_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "app"."models"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."model_versions" ADD CONSTRAINT "model_versions_created_by_user_id_fk" FOREIGN KEY ("created_by") REFERENCES "app"."user"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."models" ADD CONSTRAINT "models_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "app"."groups"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."models" ADD CONSTRAINT "models_created_by_user_id_fk" FOREIGN KEY ("created_by") REFERENCES "app"."user"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."models" ADD CONSTRAINT "models_served_version_id_model_versions_id_fk" FOREIGN KEY ("served_version_id") REFERENCES "app"."model_versions"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."node_invites" ADD CONSTRAINT "node_invites_created_by_user_id_fk" FOREIGN KEY ("created_by") REFERENCES "app"."user"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."node_invites" ADD CONSTRAINT "node_invites_used_by_node_nodes_id_fk" FOREIGN KEY ("used_by_node") REFERENCES "app"."nodes"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."node_probes" ADD CONSTRAINT "node_probes_node_id_nodes_id_fk" FOREIGN KEY ("node_id") REFERENCES "app"."nodes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."node_samples" ADD CONSTRAINT "node_samples_node_id_nodes_id_fk" FOREIGN KEY ("node_id") REFERENCES "app"."nodes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."nodes" ADD CONSTRAINT "nodes_deactivated_by_user_id_fk" FOREIGN KEY ("deactivated_by") REFERENCES "app"."user"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."notification_deliveries" ADD CONSTRAINT "notification_deliveries_notification_id_notifications_id_fk" FOREIGN KEY ("notification_id") REFERENCES "app"."notifications"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."notification_deliveries" ADD CONSTRAINT "notification_deliveries_webhook_id_webhooks_id_fk" FOREIGN KEY ("webhook_id") REFERENCES "app"."webhooks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."notification_preferences" ADD CONSTRAINT "notification_preferences_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."notifications" ADD CONSTRAINT "notifications_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."webhooks" ADD CONSTRAINT "webhooks_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."cashier_orders" ADD CONSTRAINT "cashier_orders_transfer_id_incoming_transfers_id_fk" FOREIGN KEY ("transfer_id") REFERENCES "app"."incoming_transfers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."incoming_transfers" ADD CONSTRAINT "incoming_transfers_payment_id_payments_id_fk" FOREIGN KEY ("payment_id") REFERENCES "app"."payments"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."transfer_assignments" ADD CONSTRAINT "transfer_assignments_transfer_id_incoming_transfers_id_fk" FOREIGN KEY ("transfer_id") REFERENCES "app"."incoming_transfers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."transfer_reservations" ADD CONSTRAINT "transfer_reservations_payment_id_payments_id_fk" FOREIGN KEY ("payment_id") REFERENCES "app"."payments"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."payments" ADD CONSTRAINT "payments_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."payments" ADD CONSTRAINT "payments_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "app"."models"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."onchain_models" ADD CONSTRAINT "onchain_models_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "app"."models"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."wallet_challenges" ADD CONSTRAINT "wallet_challenges_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."wallets" ADD CONSTRAINT "wallets_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "account_user" ON "app"."account" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "session_user" ON "app"."session" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "conversations_user_updated" ON "app"."conversations" USING btree ("user_id","updated_at");--> statement-breakpoint
CREATE INDEX "messages_conversation" ON "app"."messages" USING btree ("conversation_id","position");--> statement-breakpoint
CREATE INDEX "files_user" ON "app"."files" USING btree ("user_id","created_at");--> statement-breakpoint
CREATE INDEX "files_cid" ON "app"."files" USING btree ("cid");--> statement-breakpoint
CREATE INDEX "files_job" ON "app"."files" USING btree ("job_id");--> statement-breakpoint
CREATE UNIQUE INDEX "files_attempt_name" ON "app"."files" USING btree ("attempt_id","name");--> statement-breakpoint
CREATE INDEX "group_members_user" ON "app"."group_members" USING btree ("user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "job_attempts_no" ON "app"."job_attempts" USING btree ("job_id","no");--> statement-breakpoint
CREATE UNIQUE INDEX "job_attempts_live" ON "app"."job_attempts" USING btree ("job_id") WHERE state IN ('offered', 'accepted', 'running', 'uploading');--> statement-breakpoint
CREATE INDEX "job_attempts_lease" ON "app"."job_attempts" USING btree ("lease_expires_at") WHERE state IN ('offered', 'accepted', 'running', 'uploading');--> statement-breakpoint
CREATE INDEX "job_attempts_node" ON "app"."job_attempts" USING btree ("node_id","assigned_at");--> statement-breakpoint
CREATE INDEX "job_attempts_offered" ON "app"."job_attempts" USING btree ("node_id") WHERE state = 'offered';--> statement-breakpoint
CREATE INDEX "job_attempts_stopped" ON "app"."job_attempts" USING btree ("node_id","ended_at") WHERE state IN ('lost', 'cancelled');--> statement-breakpoint
CREATE INDEX "job_events_job" ON "app"."job_events" USING btree ("job_id","id");--> statement-breakpoint
CREATE INDEX "jobs_user" ON "app"."jobs" USING btree ("user_id","created_at");--> statement-breakpoint
CREATE INDEX "jobs_group" ON "app"."jobs" USING btree ("group_id","created_at");--> statement-breakpoint
CREATE INDEX "jobs_node" ON "app"."jobs" USING btree ("node_id","created_at");--> statement-breakpoint
CREATE INDEX "jobs_payment" ON "app"."jobs" USING btree ("payment_id");--> statement-breakpoint
CREATE INDEX "jobs_pending" ON "app"."jobs" USING btree ("try_at") WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX "jobs_unsettled" ON "app"."jobs" USING btree ("chain","created_at") WHERE settled_at IS NULL;--> statement-breakpoint
CREATE INDEX "jobs_live" ON "app"."jobs" USING btree ("state","deadline") WHERE state IN ('quoted', 'pending', 'assigned', 'running', 'verifying');--> statement-breakpoint
CREATE INDEX "api_keys_user" ON "app"."api_keys" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "usage_plan_created" ON "app"."usage" USING btree ("created_at") WHERE entitlement = 'plan';--> statement-breakpoint
CREATE INDEX "usage_user_started" ON "app"."usage" USING btree ("user_id","started_at");--> statement-breakpoint
CREATE INDEX "usage_model_started" ON "app"."usage" USING btree ("model_id","started_at");--> statement-breakpoint
CREATE INDEX "model_versions_state" ON "app"."model_versions" USING btree ("state");--> statement-breakpoint
CREATE INDEX "model_versions_cid" ON "app"."model_versions" USING btree ("cid");--> statement-breakpoint
CREATE INDEX "model_versions_plain_cid" ON "app"."model_versions" USING btree ("plain_cid");--> statement-breakpoint
CREATE INDEX "models_group" ON "app"."models" USING btree ("group_id");--> statement-breakpoint
CREATE INDEX "models_served_version" ON "app"."models" USING btree ("served_version_id");--> statement-breakpoint
CREATE INDEX "node_probes_node" ON "app"."node_probes" USING btree ("node_id","at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "node_samples_at" ON "app"."node_samples" USING brin ("at");--> statement-breakpoint
CREATE INDEX "nodes_for_jobs" ON "app"."nodes" USING btree ("id") WHERE jobs_enabled AND deactivated_at IS NULL;--> statement-breakpoint
CREATE INDEX "notification_deliveries_due" ON "app"."notification_deliveries" USING btree ("next_attempt_at") WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX "notification_deliveries_notification" ON "app"."notification_deliveries" USING btree ("notification_id");--> statement-breakpoint
CREATE INDEX "notification_deliveries_webhook" ON "app"."notification_deliveries" USING btree ("webhook_id","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "notifications_key" ON "app"."notifications" USING btree ("user_id","key");--> statement-breakpoint
CREATE INDEX "notifications_user" ON "app"."notifications" USING btree ("user_id","no") WHERE in_app;--> statement-breakpoint
CREATE INDEX "notifications_unread" ON "app"."notifications" USING btree ("user_id","no") WHERE in_app AND read_at IS NULL;--> statement-breakpoint
CREATE INDEX "notifications_created" ON "app"."notifications" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "webhooks_user" ON "app"."webhooks" USING btree ("user_id","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "cashier_orders_once" ON "app"."cashier_orders" USING btree ("transfer_id","kind");--> statement-breakpoint
CREATE UNIQUE INDEX "cashier_orders_nonce" ON "app"."cashier_orders" USING btree ("chain","signer","nonce");--> statement-breakpoint
CREATE UNIQUE INDEX "cashier_orders_approve" ON "app"."cashier_orders" USING btree ("chain","signer") WHERE kind = 'approve' AND state IN ('pending', 'signed');--> statement-breakpoint
CREATE INDEX "cashier_orders_waiting" ON "app"."cashier_orders" USING btree ("chain","seq") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "cashier_orders_carrier" ON "app"."cashier_orders" USING btree ("carrier_seq") WHERE carrier_seq IS NOT NULL;--> statement-breakpoint
CREATE INDEX "cashier_orders_open" ON "app"."cashier_orders" USING btree ("chain","seq") WHERE state IN ('pending', 'signed');--> statement-breakpoint
CREATE INDEX "cashier_transactions_order" ON "app"."cashier_transactions" USING btree ("order_seq");--> statement-breakpoint
CREATE UNIQUE INDEX "incoming_transfers_event" ON "app"."incoming_transfers" USING btree ("chain","tx_hash","log_index");--> statement-breakpoint
CREATE UNIQUE INDEX "incoming_transfers_purchase" ON "app"."incoming_transfers" USING btree ("payment_id") WHERE outcome = 'purchase';--> statement-breakpoint
CREATE INDEX "incoming_transfers_received" ON "app"."incoming_transfers" USING btree ("chain","received_at");--> statement-breakpoint
CREATE INDEX "incoming_transfers_payment" ON "app"."incoming_transfers" USING btree ("payment_id");--> statement-breakpoint
CREATE INDEX "incoming_transfers_payee" ON "app"."incoming_transfers" USING btree ("payee");--> statement-breakpoint
CREATE INDEX "incoming_transfers_held" ON "app"."incoming_transfers" USING btree ("sender") WHERE outcome = 'held';--> statement-breakpoint
CREATE INDEX "transfer_assignments_transfer" ON "app"."transfer_assignments" USING btree ("transfer_id","assigned_at");--> statement-breakpoint
CREATE INDEX "transfer_assignments_at" ON "app"."transfer_assignments" USING btree ("assigned_at");--> statement-breakpoint
CREATE INDEX "transfer_reservations_until" ON "app"."transfer_reservations" USING btree ("until");--> statement-breakpoint
CREATE UNIQUE INDEX "payments_event" ON "app"."payments" USING btree ("chain","tx_hash","log_index");--> statement-breakpoint
CREATE INDEX "payments_user" ON "app"."payments" USING btree ("user_id","created_at");--> statement-breakpoint
CREATE INDEX "payments_account" ON "app"."payments" USING btree ("account");--> statement-breakpoint
CREATE INDEX "payments_matched" ON "app"."payments" USING btree ("matched_at") WHERE matched_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "payments_open" ON "app"."payments" USING btree ("chain","onchain_id","account") WHERE log_index IS NULL;--> statement-breakpoint
CREATE INDEX "onchain_models_model" ON "app"."onchain_models" USING btree ("model_id");--> statement-breakpoint
CREATE INDEX "distribution_models_model" ON "app"."distribution_models" USING btree ("chain","onchain_id");--> statement-breakpoint
CREATE INDEX "plan_reservations_account" ON "app"."plan_reservations" USING btree ("account");--> statement-breakpoint
CREATE INDEX "plan_reservations_expiry" ON "app"."plan_reservations" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "wallet_challenges_expires" ON "app"."wallet_challenges" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "wallets_user" ON "app"."wallets" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "wallets_address" ON "app"."wallets" USING btree ("address");