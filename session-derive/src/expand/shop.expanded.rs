#[automatically_derived]
#[allow(deprecated)]
impl ::actix_typed_session::SessionState for Shop {
    type Handle = ShopHandle;
    fn schema() -> &'static ::actix_typed_session::__private::Schema {
        static SCHEMA: ::actix_typed_session::__private::Schema = ::actix_typed_session::__private::Schema::new(
            "shop",
            "$shop",
            1,
            &[
                ::actix_typed_session::__private::Field::new("cart", "shop.cart"),
                ::actix_typed_session::__private::Field::new("theme", "shop.colours")
                    .reset_on_sign_in(),
                ::actix_typed_session::__private::Field::new("notice", "shop.notice")
                    .flash(),
                ::actix_typed_session::__private::Field::new("type", "shop.type")
                    .lenient(),
                ::actix_typed_session::__private::Field::new("user", "shop.user")
                    .principal(),
            ],
        );
        &SCHEMA
    }
    fn decode_section(
        cells: &mut ::actix_typed_session::__private::SectionReader<'_>,
    ) -> ::core::result::Result<Self, ::actix_typed_session::__private::CellError> {
        ::core::result::Result::Ok(Self {
            cart: <Vec<
                Line,
            > as ::actix_typed_session::__private::FieldValue>::read(
                cells,
                || <Vec<Line> as ::core::default::Default>::default(),
            )?,
            theme: <Theme as ::actix_typed_session::__private::FieldValue>::read(
                cells,
                || Theme::Light,
            )?,
            notice: <Option<
                String,
            > as ::actix_typed_session::__private::FieldValue>::read(
                cells,
                || ::core::option::Option::None,
            )?,
            r#type: <String as ::actix_typed_session::__private::FieldValue>::read(
                cells,
                || <String as ::core::default::Default>::default(),
            )?,
            user: <Option<
                u64,
            > as ::actix_typed_session::__private::FieldValue>::read(
                cells,
                || ::core::option::Option::None,
            )?,
        })
    }
    fn encode_field(
        &self,
        at: ::core::primitive::usize,
    ) -> ::core::result::Result<
        ::actix_typed_session::__private::Json,
        ::actix_typed_session::__private::EncodeError,
    > {
        match at {
            0 => {
                <Vec<
                    Line,
                > as ::actix_typed_session::__private::FieldValue>::encode(&self.cart)
            }
            1 => {
                <Theme as ::actix_typed_session::__private::FieldValue>::encode(
                    &self.theme,
                )
            }
            2 => {
                <Option<
                    String,
                > as ::actix_typed_session::__private::FieldValue>::encode(&self.notice)
            }
            3 => {
                <String as ::actix_typed_session::__private::FieldValue>::encode(
                    &self.r#type,
                )
            }
            _ => {
                <Option<
                    u64,
                > as ::actix_typed_session::__private::FieldValue>::encode(&self.user)
            }
        }
    }
}
/// The `shop` section of the visitor's session: a getter and setters for each field of
/// [`Shop`]. A handler extracts it as `TypedSession<Shop>`.
pub struct ShopHandle(::actix_typed_session::__private::Tracked<Shop>);
#[automatically_derived]
impl ::core::ops::Deref for ShopHandle {
    type Target = Shop;
    fn deref(&self) -> &Shop {
        self.0.get()
    }
}
#[automatically_derived]
impl ::core::convert::From<::actix_typed_session::__private::Tracked<Shop>>
for ShopHandle {
    fn from(tracked: ::actix_typed_session::__private::Tracked<Shop>) -> Self {
        Self(tracked)
    }
}
#[automatically_derived]
impl ::core::fmt::Debug for ShopHandle {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.write_str("TypedSession(\"shop\")")
    }
}
#[automatically_derived]
impl ::actix_typed_session::__private::actix_web::FromRequest for ShopHandle {
    type Error = ::actix_typed_session::Error;
    type Future = ::actix_typed_session::__private::Extract<Shop>;
    fn from_request(
        request: &::actix_typed_session::__private::actix_web::HttpRequest,
        _: &mut ::actix_typed_session::__private::actix_web::dev::Payload,
    ) -> Self::Future {
        ::actix_typed_session::__private::extract(request)
    }
}
#[automatically_derived]
#[allow(dead_code)]
#[allow(deprecated, non_snake_case)]
impl ShopHandle {
    /// Who is signed in.
    ///
    /// Reads `user`; `None` until it is set.
    #[must_use]
    fn user(&self) -> Option<u64> {
        self.0.get().user
    }
    /// Who is signed in.
    ///
    /// Sets `user`: who is signed in. The session's id is renewed by itself.
    #[track_caller]
    fn set_user(&mut self, value: impl ::actix_typed_session::IntoField<Option<u64>>) {
        self.0
            .set_principal(
                4,
                ::actix_typed_session::IntoField::<Option<u64>>::into_field(value),
                |state| &mut state.user,
            );
    }
    /// Who is signed in.
    ///
    /// Signs the user out: `user` becomes `None`, and the session ends.
    #[track_caller]
    fn clear_user(&mut self) {
        self.0.set_principal(4, ::core::option::Option::None, |state| &mut state.user);
    }
    /// Whose the sessions are in which `user` is this: what a store that is a `PrincipalIndex` finds them by.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialised.
    fn principal_of(
        value: impl ::actix_typed_session::IntoField<Option<u64>>,
    ) -> ::core::result::Result<
        ::actix_typed_session::record::Principal,
        ::actix_typed_session::Error,
    > {
        ::actix_typed_session::__private::principal_of::<
            Shop,
            _,
        >(
            4,
            ::actix_typed_session::IntoField::<Option<u64>>::into_field(value),
            |state| &mut state.user,
        )
    }
    /// Reads `cart`; its default until it is set.
    #[must_use]
    fn cart(&self) -> &[Line] {
        &self.0.get().cart
    }
    /// Sets `cart`, whatever it is now: of two requests that overlap, the later one wins. To build on its value, use `update_cart`.
    #[track_caller]
    fn set_cart(&mut self, value: Vec<Line>) {
        self.0.set(0, value, |state| &mut state.cart);
    }
    /// Changes `cart` from its present value. The closure runs at once, and again on fresh data if another request was faster.
    #[track_caller]
    fn update_cart(&mut self, update: impl ::core::ops::Fn(&mut Vec<Line>) + 'static) {
        self.0.update_field(0, |state| &mut state.cart, update);
    }
    /// Reads `theme`; its default until it is set.
    #[must_use]
    pub fn theme(&self) -> &Theme {
        &self.0.get().theme
    }
    /// Sets `theme`, whatever it is now: of two requests that overlap, the later one wins. To build on its value, use `update_theme`.
    #[track_caller]
    pub fn set_theme(&mut self, value: Theme) {
        self.0.set(1, value, |state| &mut state.theme);
    }
    /// Changes `theme` from its present value. The closure runs at once, and again on fresh data if another request was faster.
    #[track_caller]
    pub fn update_theme(&mut self, update: impl ::core::ops::Fn(&mut Theme) + 'static) {
        self.0.update_field(1, |state| &mut state.theme, update);
    }
    /// Looks at `notice` without taking it; `take_notice` shows it once.
    #[must_use]
    fn notice(&self) -> ::core::option::Option<&::core::primitive::str> {
        ::core::option::Option::as_deref(&self.0.get().notice)
    }
    /// Sets `notice`, whatever it is now: of two requests that overlap, the later one wins. To build on its value, use `update_notice`.
    #[track_caller]
    fn set_notice(
        &mut self,
        value: impl ::actix_typed_session::IntoField<Option<String>>,
    ) {
        self.0
            .set(
                2,
                ::actix_typed_session::IntoField::<Option<String>>::into_field(value),
                |state| &mut state.notice,
            );
    }
    /// Changes `notice` from its present value. The closure runs at once, and again on fresh data if another request was faster.
    #[track_caller]
    fn update_notice(
        &mut self,
        update: impl ::core::ops::Fn(&mut Option<String>) + 'static,
    ) {
        self.0.update_field(2, |state| &mut state.notice, update);
    }
    /// Clears `notice`: it reads as `None`.
    #[track_caller]
    fn clear_notice(&mut self) {
        self.0.set(2, ::core::option::Option::None, |state| &mut state.notice);
    }
    /// Takes `notice` out, to show it; from then on it reads as `None`.
    #[track_caller]
    fn take_notice(&mut self) -> Option<String> {
        self.0.take(2, |state| &mut state.notice)
    }
    /// Reads `type`; its default until it is set.
    #[must_use]
    fn kind(&self) -> &::core::primitive::str {
        &self.0.get().r#type
    }
    /// Sets `type`, whatever it is now: of two requests that overlap, the later one wins. To build on its value, use `update_type`.
    #[track_caller]
    fn set_type(&mut self, value: impl ::core::convert::Into<String>) {
        self.0
            .set(
                3,
                ::core::convert::Into::<String>::into(value),
                |state| &mut state.r#type,
            );
    }
    /// Changes `type` from its present value. The closure runs at once, and again on fresh data if another request was faster.
    #[track_caller]
    fn update_type(&mut self, update: impl ::core::ops::Fn(&mut String) + 'static) {
        self.0.update_field(3, |state| &mut state.r#type, update);
    }
    /// Changes several fields together. The closure runs at once, and again on fresh data if another request was
    /// faster.
    #[track_caller]
    pub fn update(&mut self, update: impl ::core::ops::Fn(&mut Shop) + 'static) {
        self.0.update(update);
    }
    /// Changes several fields together, commits now, and returns what the closure returned on the data that was
    /// stored.
    ///
    /// # Errors
    ///
    /// When the session cannot be stored, or ended while this request ran.
    #[track_caller]
    pub fn try_update<R, F>(
        &mut self,
        update: F,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<R, ::actix_typed_session::Error>,
    > + use<R, F>
    where
        R: 'static,
        F: ::core::ops::Fn(&mut Shop) -> R + 'static,
    {
        self.0.try_update(update)
    }
    /// The session's life-cycle: renew, purge, save, and who is signed in.
    #[must_use]
    pub fn session(&self) -> ::actix_typed_session::Session {
        self.0.session()
    }
}
