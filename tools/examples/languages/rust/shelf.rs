// Lends two books, and gets one back.
struct Shelf {
    lent: usize,
}

impl Shelf {
    #[inline(never)]
    fn lend(&mut self) -> *mut [u8; 1237] {
        self.lent += 1;
        Box::into_raw(Box::new([1; 1237]))
    }

    fn take_back(&mut self, book: *mut [u8; 1237]) {
        self.lent -= 1;
        drop(unsafe { Box::from_raw(book) });
    }
}

fn main() {
    let mut shelf = Shelf { lent: 0 };
    let first = shelf.lend();
    shelf.lend();
    shelf.take_back(first);
    println!("{} lent", shelf.lent);
}
